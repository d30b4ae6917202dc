// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "core/autograd/variable.h"

namespace tessera::ops {

using autograd::Variable;

/// ids i64 [..], table [V, D] -> [.., D]: row ids[i] of the table. Row `padding` gets no gradient. Throws Error(data) for an id outside of 0..V-1.
Variable embedding(const Tensor& ids, const Variable& table, std::optional<int64_t> padding = std::nullopt);

}  // namespace tessera::ops
