// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/autograd/variable.h"

namespace tessera::ops {

using autograd::Variable;

/// [N, ...] -> [N, product of the rest], in logical (row-major) order: a channels-last image is copied to [C, H, W] order, so that
/// the weights of the linear layer behind it mean the same as in other frameworks.
Variable flatten(const Variable& x);

/// x [N, C, H, W] -> [N, channels, ceil(H / stride), ceil(W / stride)]: every stride-th pixel, the channels in the middle and zeros around them. The
/// parameter-free shortcut of residual networks (He, Zhang, Ren, Sun, CVPR 2016, option A).
Variable subsample_and_pad(const Variable& x, int64_t stride, int64_t channels);

}  // namespace tessera::ops
