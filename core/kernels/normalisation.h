// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>

namespace tessera {

/// Batch and group norm take no more: their kernels keep coefficients of all channels on the stack.
constexpr int64_t kMostNormalisedChannels = 16384;

/// Where the ReLU that follows batch norm clips.
constexpr float kNoRelu = 0.0f;  ///< there is none
constexpr float kReluCeiling = std::numeric_limits<float>::infinity();
constexpr float kRelu6Ceiling = 6.0f;

/// Rows that are summed in f32: what is summed a part at a time is cut at multiples of it.
inline constexpr int64_t kBatchNormBlockRows = 16;

/// What the statistics of batch norm come from: sums over rows, any part of the batch's at a time, from the first to the last.
struct BatchNormSums {
  int64_t begin, end;  ///< rows; `begin` is a multiple of kBatchNormBlockRows
  int64_t channels;
  const float* x;  ///< begins at row 0
  double* sums;    ///< [2, channels], added to: deviations from the channel's value in row 0, and their squares
};

/// Batch normalisation of [rows, channels] (channels-last images, rows = N * H * W), with what usually follows it in the same pass:
/// y = act((x - mean) / sqrt(variance + epsilon) * weight + bias + residual), act being ReLU, ReLU6 or nothing
/// (Ioffe and Szegedy, ICML 2015). Sums run in f32 over blocks of rows and in f64 over the blocks.
struct BatchNormForward {
  int64_t rows, channels;
  float epsilon;
  float ceiling;  ///< of the ReLU behind; kNoRelu: none
  const float* x;
  const float* weight;    ///< [channels]
  const float* bias;      ///< [channels]
  const float* residual;  ///< like x; nullptr: none
  const double* sums;     ///< batch_norm_sums' of all rows
  float* y;
  float* mean;               ///< [channels], out
  float* inverse_deviation;  ///< [channels], out: 1 / sqrt(variance + epsilon), the variance divided by rows
  float* unbiased_variance;  ///< [channels], out: divided by rows - 1
};

/// The same with given statistics (evaluation).
struct BatchNormApply {
  int64_t rows, channels;
  float epsilon;
  float ceiling;  ///< of the ReLU behind; kNoRelu: none
  const float* x;
  const float* weight;
  const float* bias;
  const float* residual;  ///< nullptr: none
  const float* mean;
  const float* variance;
  float* y;
};

/// The first half of the gradient: sums over rows, any part of the batch's at a time, from the first to the last.
struct BatchNormGradientSums {
  int64_t begin, end;  ///< rows; `begin` is a multiple of kBatchNormBlockRows
  int64_t channels;
  float ceiling;       ///< of the ReLU behind; kNoRelu: none
  const float* x;      ///< these begin at row 0
  const float* y;      ///< the result; nullptr: found again from x, which takes the forward pass's bits; not with a residual
  const float* dy;
  const float* weight;
  const float* bias;
  const float* mean;
  const float* inverse_deviation;
  float* before_relu;  ///< like dy, out: the gradient before ReLU, and so the residual's; nullptr: not wanted
  double* sums;        ///< [2, channels], added to: the gradient before ReLU, and the same times x - mean
};

/// The other half, of some of the rows.
struct BatchNormInputGradient {
  int64_t rows;        ///< of these tensors
  int64_t batch_rows;  ///< of the whole batch
  int64_t channels;
  float ceiling;       ///< kNoRelu also where dy is the gradient before ReLU
  const float* x;
  const float* dy;
  const float* weight;
  const float* bias;
  const float* mean;
  const float* inverse_deviation;
  const float* dweight;
  const float* dbias;
  const float* received;  ///< added to dx: pixels of channels, `received_step` elements apart; nullptr: nothing
  int64_t received_step;
  float* dx;
};

/// Layer normalisation of [rows, columns]: y = (x - mean) / sqrt(variance + epsilon) * weight + bias, mean and variance (divided by columns)
/// being a row's own (Ba, Kiros, Hinton 2016).
struct LayerNormForward {
  int64_t rows, columns;
  float epsilon;
  const float* x;
  const float* residual;  ///< like x; nullptr: none. x + residual is what is normalised
  float* sum;             ///< x + residual, out; nullptr where there is no residual
  const float* weight;    ///< [columns]
  const float* bias;      ///< [columns]
  float* y;
  float* mean;               ///< [rows], out
  float* inverse_deviation;  ///< [rows], out
};

/// Sums over rows are of blocks of so many.
inline constexpr int64_t kRowNormBlockRows = 64;

struct LayerNormBackward {
  int64_t rows, columns;
  const float* x;  ///< what was normalised
  const float* dy;
  const float* weight;
  const float* mean;
  const float* inverse_deviation;
  const float* received;  ///< like x: added to dx; nullptr: nothing
  float* dx;
  float* dweight;   ///< [columns]
  float* dbias;     ///< [columns]
  float* partials;  ///< [ceil(rows / kRowNormBlockRows), 2, columns], scratch
};

/// Root-mean-square normalisation of [rows, columns]: y = x / sqrt(mean of x^2 + epsilon) * weight (Zhang and Sennrich, NeurIPS 2019).
struct RmsNormForward {
  int64_t rows, columns;
  float epsilon;
  const float* x;
  const float* residual;  ///< as in layer normalisation
  float* sum;
  const float* weight;    ///< [columns]
  float* y;
  float* inverse_root;  ///< [rows], out: 1 / sqrt(mean of x^2 + epsilon)
};

struct RmsNormBackward {
  int64_t rows, columns;
  const float* x;  ///< what was normalised
  const float* dy;
  const float* weight;
  const float* inverse_root;
  const float* received;  ///< as in layer normalisation
  float* dx;
  float* dweight;   ///< [columns]
  float* partials;  ///< [ceil(rows / kRowNormBlockRows), columns], scratch
};

/// Group normalisation of [samples, pixels, channels] (channels-last images): like layer normalisation, the statistics being those of a sample's
/// group of channels / groups neighbouring channels; weight and bias are a channel's own (Wu and He, ECCV 2018).
struct GroupNormForward {
  int64_t samples, pixels, channels, groups;
  float epsilon;
  const float* x;
  const float* weight;  ///< [channels]
  const float* bias;    ///< [channels]
  float* y;
  float* mean;               ///< [samples, groups], out
  float* inverse_deviation;  ///< [samples, groups], out
};

struct GroupNormBackward {
  int64_t samples, pixels, channels, groups;
  const float* x;
  const float* dy;
  const float* weight;
  const float* mean;
  const float* inverse_deviation;
  float* dx;
  float* dweight;   ///< [channels]
  float* dbias;     ///< [channels]
  float* partials;  ///< [samples, 2, channels], scratch
};

/// Local response normalisation of [rows, channels]: y = x / divisor^beta, divisor = start + alpha / window * the sum of squares of the channels
/// c - window / 2 .. c + (window - 1) / 2 (Krizhevsky, Sutskever, Hinton, NIPS 2012).
struct ResponseNormForward {
  int64_t rows, channels, window;
  float alpha, beta, start;
  const float* x;
  float* y;
  float* divisor;  ///< like x, out
};

struct ResponseNormBackward {
  int64_t rows, channels, window;
  float alpha, beta;
  const float* x;
  const float* divisor;
  const float* dy;
  float* dx;
};

struct NormalisationKernels {
  void (*batch_norm_sums)(const BatchNormSums&);
  void (*batch_norm_forward)(const BatchNormForward&);
  void (*batch_norm_apply)(const BatchNormApply&);
  void (*batch_norm_gradient_sums)(const BatchNormGradientSums&);
  void (*batch_norm_input_gradient)(const BatchNormInputGradient&);
  void (*layer_norm_forward)(const LayerNormForward&);
  void (*layer_norm_backward)(const LayerNormBackward&);
  void (*rms_norm_forward)(const RmsNormForward&);
  void (*rms_norm_backward)(const RmsNormBackward&);
  void (*group_norm_forward)(const GroupNormForward&);
  void (*group_norm_backward)(const GroupNormBackward&);
  void (*response_norm_forward)(const ResponseNormForward&);
  void (*response_norm_backward)(const ResponseNormBackward&);
};

}  // namespace tessera
