// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/autograd/variable.h"
#include "core/kernels/rotary.h"

namespace tessera::ops {

using autograd::Variable;

/// Cosines and sines [rows, 2, width / 2] of position (first + row) / base^(2 i / width), the angle of pair i.
Tensor rotary_table(int64_t first, int64_t rows, int64_t width, double base = 10000.0);

/// Turns the pairs of each head of x [B, T, H, D] by the angles of table [T, 2, D / 2]: the rotary embedding of positions (Su et al., RoFormer, 2021). Only the
/// first `rotated_heads` of the heads are turned: queries and keys of a packed tensor, say.
Variable rotary(const Variable& x, const Tensor& table, RotaryPairs pairs, int64_t rotated_heads);

}  // namespace tessera::ops
