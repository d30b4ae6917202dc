// SPDX-License-Identifier: Apache-2.0
// Depthwise convolutions: every channel is its own group, so that there is no product of matrices, only sums over a window for each channel.
// Vectors hold neighbouring channels.
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

/// The gradient of the weights of channels [first, first + count), at most a vector's, over a whole batch: dweight[channel][place] and, unless nullptr, dbias[channel].
/// Sums are f32 over a few rows of an image, then f64.
struct DepthwiseWeight {
  const ConvolutionGeometry& geometry;
  const float* x;
  const float* dy;
  int64_t first, count;
  float* dweight;
  float* dbias;
};

struct DepthwiseKernels {
  int64_t lanes;
  void (*sum)(const DepthwiseSum&);
  void (*weight)(const DepthwiseWeight&);
};

/// Those of the instruction set in use.
const DepthwiseKernels& depthwise_kernels();

namespace depthwise {

/// 3x3 windows, as many groups as channels on both sides, no dilation.
bool fits(const ConvolutionGeometry& geometry);

// Geometries that fit.
void forward(const ConvolutionForward&);
void backward_data(const ConvolutionBackwardData&);
void backward_weight(const ConvolutionBackwardWeight&);

}  // namespace depthwise
}  // namespace tessera::cpu
