// SPDX-License-Identifier: Apache-2.0
// Pooling of images [N, C, H, W]; results are channels-last. The first of equal maxima takes the gradient.
#pragma once

#include "core/autograd/variable.h"
#include "core/ops/size2d.h"

namespace tessera::ops {

using autograd::Variable;

struct PoolingOptions {
  Size2d kernel = 2;
  Size2d stride = 2;
  Size2d padding = 0;        ///< at most half the kernel
  bool ceil_mode = false;    ///< also windows that reach over the far edges, if they begin inside image or near padding
  Size2d dilation = 1;       ///< maxima only
  bool padding_counts = true;  ///< averages only: whether padding counts as zeros (PyTorch's count_include_pad)
};

/// x [N, C, H, W] -> [N, C, H', W'].
Variable max_pool2d(const Variable& x, const PoolingOptions& options);
Variable average_pool2d(const Variable& x, const PoolingOptions& options);

/// x [N, C, H, W] -> [N, C, out.height, out.width], whatever H and W: pixel i of a dim takes floor(i * in / out) .. ceil((i + 1) * in / out) - 1.
Variable adaptive_max_pool2d(const Variable& x, Size2d out);
Variable adaptive_average_pool2d(const Variable& x, Size2d out);

/// x [N, C, H, W] -> [N, C], over all pixels.
Variable global_average_pool2d(const Variable& x);
Variable global_max_pool2d(const Variable& x);

}  // namespace tessera::ops
