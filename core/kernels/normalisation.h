// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace tessera {

/// Batch normalisation of [rows, channels] (channels-last images, rows = N * H * W), with what usually follows it in the same pass:
/// y = act((x - mean) / sqrt(variance + epsilon) * weight + bias + residual), act being ReLU or nothing
/// (Ioffe and Szegedy, ICML 2015). Sums run in f32 over blocks of rows and in f64 over the blocks.
struct BatchNormForward {
  int64_t rows, channels;
  float epsilon;
  bool relu;
  const float* x;
  const float* weight;    ///< [channels]
  const float* bias;      ///< [channels]
  const float* residual;  ///< like x; nullptr: none
  float* y;
  float* mean;               ///< [channels], out
  float* inverse_deviation;  ///< [channels], out: 1 / sqrt(variance + epsilon), the variance divided by rows
  float* unbiased_variance;  ///< [channels], out: divided by rows - 1
};

/// The same with given statistics (evaluation).
struct BatchNormApply {
  int64_t rows, channels;
  float epsilon;
  bool relu;
  const float* x;
  const float* weight;
  const float* bias;
  const float* residual;  ///< nullptr: none
  const float* mean;
  const float* variance;
  float* y;
};

struct BatchNormBackward {
  int64_t rows, channels;
  bool relu;
  const float* x;
  const float* y;  ///< the result; nullptr: found again from x, which takes the forward pass's bits; not with a residual
  const float* dy;
  const float* weight;
  const float* bias;
  const float* mean;
  const float* inverse_deviation;
  float* dx;
  float* dresidual;  ///< nullptr: not wanted
  float* dweight;    ///< [channels]
  float* dbias;      ///< [channels]
};

struct NormalisationKernels {
  void (*batch_norm_forward)(const BatchNormForward&);
  void (*batch_norm_apply)(const BatchNormApply&);
  void (*batch_norm_backward)(const BatchNormBackward&);
};

}  // namespace tessera
