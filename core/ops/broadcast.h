// SPDX-License-Identifier: Apache-2.0
// Shapes that grow to each other and sums that undo it; for sources of ops.
#pragma once

#include <string_view>

#include "core/tensor/tensor.h"

namespace tessera::ops {

/// The shape both grow to: dims are compared from the last; they are equal, or one is 1 or missing. Fails where they are neither.
Shape broadcast_shape(std::string_view op, const Shape& a, const Shape& b);

/// The f32 sum of `tensor` over the dims that `shape` was repeated along to become the tensor's.
Tensor sum_to(const Tensor& tensor, const Shape& shape);

}  // namespace tessera::ops
