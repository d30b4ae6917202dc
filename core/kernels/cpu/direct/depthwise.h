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

struct DepthwiseKernels {
  void (*sum)(const DepthwiseSum&);
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
