// SPDX-License-Identifier: Apache-2.0
// The same elements under another shape or order, or some of them: views of the input's memory where that is possible. Negative dims count from the end.
#pragma once

#include <vector>

#include "core/autograd/variable.h"

namespace tessera::ops {

using autograd::Variable;

/// The elements in row-major order under another shape; one dim may be -1: what is left. A copy where no view can do it.
Variable reshape(const Variable& x, const Shape& shape);
/// Dim i of the result is dim order[i] of x; a view.
Variable permute(const Variable& x, const std::vector<int64_t>& order);
/// Two dims exchanged; a view.
Variable transpose(const Variable& x, int64_t first, int64_t second);
/// Dims of size 1, and dims missing in front, repeated to `shape`; a view.
Variable expand(const Variable& x, const Shape& shape);
/// Elements start, start + step, ... below stop of a dim, 0 <= start <= stop <= size, step >= 1; a view.
Variable slice(const Variable& x, int64_t dim, int64_t start, int64_t stop, int64_t step = 1);

/// Consecutive parts of these sizes, which sum to the dim's; views. Their gradients are put together in one tensor.
std::vector<Variable> split(const Variable& x, int64_t dim, const std::vector<int64_t>& sizes);
/// At most `count` parts of equal size ceil(size / count), the last perhaps smaller; as PyTorch's.
std::vector<Variable> chunk(const Variable& x, int64_t dim, int64_t count);

}  // namespace tessera::ops
