// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/autograd/variable.h"

namespace tessera::ops {

using autograd::Variable;

struct PoolingOptions {
  int64_t kernel = 2;
  int64_t stride = 2;
  int64_t padding = 0;
};

/// x [N, C, H, W] -> [N, C, H', W'], channels-last. The first of equal maxima takes the gradient.
Variable max_pool2d(const Variable& x, const PoolingOptions& options);
/// x [N, C, H, W] -> [N, C, H', W'], channels-last. Padding counts as zeros.
Variable average_pool2d(const Variable& x, const PoolingOptions& options);

/// x [N, C, H, W] -> [N, C], the mean over all pixels.
Variable global_average_pool2d(const Variable& x);

}  // namespace tessera::ops
