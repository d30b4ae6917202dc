// SPDX-License-Identifier: Apache-2.0
// Depthwise convolutions: every channel is its own group, so that there is no product of matrices, only sums over a window for each channel.
// Vectors hold neighbouring channels. Gradients of the weight are left to oneDNN.
#pragma once

#include "core/kernels/convolution.h"

namespace tessera::cpu {

/// Of 3x3 windows.
constexpr int kDepthwisePlaces = 9;

/// out[channel] = start[channel] + sum over places of x[place][channel] * weight[place][channel], in their order.
struct DepthwiseSum {
  int64_t places, channels;
  const float* x[kDepthwisePlaces];
  const float* weight[kDepthwisePlaces];
  const float* start;  ///< nullptr: zeros
  float* out;
};

/// A row of results of windows of step one: each the sum over its three columns, left to right, of the sums over their rows. Columns beside the image
/// count nothing.
struct DepthwiseRow {
  int64_t results, width, channels;  ///< pixels of the results' row and of the image's
  int64_t padding;                   ///< before the first column: 0 to 2
  const float* rows[3];              ///< those outside of the image are zeros
  const float* weight;               ///< [place][channel]
  const float* start;                ///< [channel]; nullptr: zeros
  float* out;
};

struct DepthwiseKernels {
  void (*sum)(const DepthwiseSum&);
  void (*row)(const DepthwiseRow&);
};

/// Those of the instruction set in use.
const DepthwiseKernels& depthwise_kernels();

namespace depthwise {

/// 3x3 windows, as many groups as channels on both sides, no dilation.
bool fits(const ConvolutionGeometry& geometry);

// Geometries that fit.
void forward(const ConvolutionForward&);
void backward_data(const ConvolutionBackwardData&);

}  // namespace depthwise
}  // namespace tessera::cpu
