// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/autograd/variable.h"
#include "core/kernels/convolution.h"
#include "core/ops/precision.h"
#include "core/ops/size2d.h"

namespace tessera::ops {

using autograd::Variable;

struct ConvolutionOptions {
  Size2d stride = 1;
  Size2d padding = 0;
  Size2d dilation = 1;
  int64_t groups = 1;
  /// TensorFlow's SAME padding, in place of `padding`: ceil(size / stride) results a dim; an odd zero goes behind the image.
  bool same = false;
};

/// x [N, in, H, W] channels-last, weight [out, in / groups, kH, kW] row-major, bias [out] or undefined -> [N, out, H', W'] channels-last.
/// `packed` caches the weight in the kernels' layout and must belong to this weight alone. x and the gradient are rounded to `precision`; the weight
/// is taken as it is, for its owner rounds it once an update (nn::Parameter::factor).
Variable conv2d(const Variable& x, const Variable& weight, const Variable& bias, const ConvolutionOptions& options,
                const std::shared_ptr<PackedWeight>& packed, Precision precision = Precision::f32);

struct ConvolutionTransposeOptions {
  Size2d stride = 1;
  Size2d padding = 0;         ///< taken off the result's edges
  Size2d output_padding = 0;  ///< added at its lower and right edge; less than stride or dilation
  Size2d dilation = 1;
  int64_t groups = 1;
};

/// The gradient of conv2d with respect to its input as an op of its own ("deconvolution"): x [N, in, H, W], weight [in, out / groups, kH, kW], bias
/// [out] or undefined -> [N, out, H', W'] with H' = (H - 1) * stride - 2 * padding + dilation * (kH - 1) + output_padding + 1; channels-last.
/// `packed` and `precision` as in conv2d.
Variable conv_transpose2d(const Variable& x, const Variable& weight, const Variable& bias, const ConvolutionTransposeOptions& options,
                          const std::shared_ptr<PackedWeight>& packed, Precision precision = Precision::f32);

}  // namespace tessera::ops
