// SPDX-License-Identifier: Apache-2.0
// Winograd's minimal filtering for 3x3 windows of step one (Lavin, Gray 2015): a tile of 2x2 results takes 16 products a pair of channels
// instead of 36. Tiles of 4x4 inputs go to 16 points by additions alone; at each point there is a product of matrices [tiles, channels]
// by [channels, channels]; results come back by additions. The gradient of the weight is the same with 2x2 tiles of the output's gradient
// as windows and 3x3 results. Multiplications in between are by powers of two only, so that precision stays that of f32 sums.
#pragma once

#include "core/kernels/convolution.h"

namespace tessera::cpu {

constexpr int64_t kWinogradPoints = 16;

/// Points lie in rows of four, as the pixels of a tile do.
constexpr int kPointRows = 4, kPointsOfRow = 4;

/// Channels lie in panels of so many, a cache line: what a block of a product reads lies together then, however many channels there are.
constexpr int64_t kWinogradPanel = 16;
constexpr int64_t winograd_panels(int64_t channels) { return (channels + kWinogradPanel - 1) / kWinogradPanel; }

/// A row of tiles and of their points one row. Point p of it is at at(channel)[p * point_step + tile * kWinogradPanel].
struct WinogradTiles {
  int64_t tiles, channels;
  float* points;
  int64_t point_step, panel_step;

  float* at(int64_t channel) const { return points + channel / kWinogradPanel * panel_step + channel % kWinogradPanel; }
};

/// Rows of an image that a row of tiles reads; what lies outside of it is zero. `rows` outside point to zeros.
struct WinogradInput {
  const float* rows[4];
  int64_t width;         ///< pixels
  int64_t first_column;  ///< of the first tile
};

/// As many rows of a result as the tiles' row still has; the last column may be missing, too.
struct WinogradOutput {
  float* rows[2];  ///< the second is nullptr where the result ends
  int64_t width;   ///< pixels
  const float* bias;
};

/// points[p][out panel][in][out within the panel] of weight[out * out_step + in * in_step + place], the nine places in reverse order where `flipped`.
struct WinogradWeight {
  int64_t in, out;
  int64_t in_step, out_step;
  bool flipped;
  const float* weight;
  float* points;
  int64_t point_step, panel_step;
};

/// The way back from the points' sums, in the same order, to dweight[out][in][place]. Sums of gradients of tiles are 4 times what they should be.
struct WinogradWeightGradient {
  int64_t in, out;
  const float* only;     ///< sums of the only group of images
  const double* totals;  ///< over several groups; nullptr where there is one
  int64_t point_step, panel_step;
  float* dweight;
};

struct WinogradKernels {
  void (*input)(int row, const WinogradInput&, const WinogradTiles&);  ///< 4x4 pixels to a row of points
  /// 2x2 pixels, as many tiles as `width` needs, to a row of points, 4 times what they should be.
  void (*gradient)(int row, const float* const (&rows)[2], int64_t width, const WinogradTiles&);
  void (*output)(int row, const WinogradTiles&, const WinogradOutput&);  ///< a row of points' part of 2x2 pixels, which come to be in the order of the rows
  void (*weight)(const WinogradWeight&);
  void (*weight_gradient)(const WinogradWeightGradient&);
  void (*add_to)(int64_t elements, const float* terms, double* sums);
};

/// Those of the instruction set in use.
const WinogradKernels& winograd_kernels();

namespace winograd {

// Geometries with 3x3 windows, step one, padding 0 to 2, no groups and no dilation.
void forward(const ConvolutionForward&);
void backward_data(const ConvolutionBackwardData&);
void backward_weight(const ConvolutionBackwardWeight&);

}  // namespace winograd
}  // namespace tessera::cpu
