// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/autograd/variable.h"
#include "core/kernels/convolution.h"

namespace tessera::ops {

using autograd::Variable;

struct ConvolutionOptions {
  int64_t stride = 1;
  int64_t padding = 0;
  int64_t dilation = 1;
  int64_t groups = 1;
};

/// x [N, in, H, W] channels-last, weight [out, in / groups, kH, kW] row-major, bias [out] or undefined -> [N, out, H', W'] channels-last.
/// `packed` caches the weight in the kernels' layout and must belong to this weight alone.
Variable conv2d(const Variable& x, const Variable& weight, const Variable& bias, const ConvolutionOptions& options,
                const std::shared_ptr<PackedWeight>& packed);

}  // namespace tessera::ops
