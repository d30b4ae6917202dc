// SPDX-License-Identifier: Apache-2.0
// New tensors from elements of others. Negative dims count from the end.
#pragma once

#include <span>
#include <vector>

#include "core/autograd/variable.h"

namespace tessera::ops {

using autograd::Variable;

/// The inputs one after the other along `dim`; their other dims agree. Channels-last if the first input is.
Variable concatenate(std::span<const Variable> inputs, int64_t dim);
/// The inputs, of equal shapes, along a new dim.
Variable stack(std::span<const Variable> inputs, int64_t dim);

struct Padding {
  int64_t before = 0, after = 0;
};

/// A border of `value`: `widths` of the last dims, the last one's last.
Variable pad(const Variable& x, const std::vector<Padding>& widths, float value = 0.0f);

/// y[.., k, ..] = x[.., indices[k], ..] along `dim`; indices i64 [K]. The gradient of a row taken twice is summed in the order of k.
/// Throws Error(data) naming the index where one is outside the dim.
Variable gather(const Variable& x, int64_t dim, const Tensor& indices);

}  // namespace tessera::ops
