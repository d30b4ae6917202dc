// SPDX-License-Identifier: Apache-2.0
// Reductions over some dims, or over all where none are named; negative dims count from the end. The result has no such dims, or size 1 in them where
// `keep_dims` is set. Sums run in f64 over fixed blocks, in one order
// whatever the number of threads.
#pragma once

#include <array>
#include <vector>

#include "core/autograd/variable.h"

namespace tessera::ops {

using autograd::Variable;
using Dims = std::vector<int64_t>;

Variable sum(const Variable& x, const Dims& dims = {}, bool keep_dims = false);
Variable mean(const Variable& x, const Dims& dims = {}, bool keep_dims = false);

/// The first of equals, in row-major order, takes the gradient. NaN counts as larger (smaller) than everything. An error over no elements.
Variable max(const Variable& x, const Dims& dims = {}, bool keep_dims = false);
Variable min(const Variable& x, const Dims& dims = {}, bool keep_dims = false);

/// The mean squared deviation, divided by count - correction.
Variable variance(const Variable& x, const Dims& dims = {}, int64_t correction = 1, bool keep_dims = false);

using DimSet = std::array<bool, Shape::kMaxDims>;

/// scale * the sum over `dims`, whose size becomes 1; without a tape.
Tensor sum_over(const Tensor& x, const DimSet& dims, double scale);

}  // namespace tessera::ops
