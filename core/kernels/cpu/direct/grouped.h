// SPDX-License-Identifier: Apache-2.0
// Convolutions in groups of 4, 8 or a multiple of 16 channels on either side, 3x3 windows of step one or two. Images are copied band by band into panels
// of sixteen channels with their padding around them. A vector holds results of neighbouring channels, and what a pixel's channel adds to the three results
// that it belongs to in a row is added while it is in a register; groups that are smaller than a vector lie in it side by side.
#pragma once

#include "core/kernels/convolution.h"

namespace tessera::cpu {

/// Channels that a pixel has in a panel: a cache line.
constexpr int64_t kGroupedPanel = 16;

/// Neighbouring pixels of a row of results, of as many channels as a vector has: sums over rows of windows, over panels, terms and three columns, in this order.
/// Pixels of a panel lie kGroupedPanel elements apart. The terms of a lane are the first channels of its group in each panel.
struct GroupedRow {
  int64_t step;            ///< of windows: 1 or 2
  int64_t results;         ///< 1 to kMostResults, or of pairs of results kMostPairs
  int64_t rows, panels, terms;
  const float* x;          ///< of the group of the first lane
  int64_t x_row, x_panel;  ///< elements
  const float* weight;     ///< [panel][term][column][lane] of each row
  int64_t weight_row;
  const float* start;      ///< [lane]; nullptr: zeros
  float* y;
  int64_t y_pixel;
  int64_t first, end;      ///< of pairs: the columns that exist, counted from `y`, where the even one of the first pair would be
};

/// The gradient of the weights of four terms, three columns and a vector of channels: sums over pixels, added to what is there.
struct GroupedGradient {
  int64_t step;
  int64_t rows, columns;  ///< of the output's gradient, which has as many zeros behind each row as windows overlap: 2 of step one, 1 of step two
  int64_t terms;          ///< of a group in a panel
  int64_t first_term;     ///< a multiple of four
  const float* x;         ///< of the group of the first lane
  int64_t x_row;
  const float* dy;        ///< of the first lane
  int64_t dy_row;
  float* sums;            ///< [term][column][lane]
};

struct GroupedKernels {
  static constexpr int64_t kMostResults = 10, kMostPairs = 5, kTermsAtOnce = 4;
  int64_t lanes;
  void (*row)(const GroupedRow&);
  /// Results of windows turned round, whose step is two: x's pixel adds to the even result of its pair, the odd one, and the next pair's even one.
  /// `x` is the pixel before the first pair.
  void (*pairs)(const GroupedRow&);
  void (*gradient)(const GroupedGradient&);
};

/// Those of the instruction set in use.
const GroupedKernels& grouped_kernels();

namespace grouped {

bool fits(const ConvolutionGeometry& geometry);

// Geometries that fit.
void forward(const ConvolutionForward&);
void backward_data(const ConvolutionBackwardData&);
void backward_weight(const ConvolutionBackwardWeight&);

}  // namespace grouped
}  // namespace tessera::cpu
