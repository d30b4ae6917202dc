// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/autograd/variable.h"
#include "core/ops/precision.h"

namespace tessera::ops {

using autograd::Variable;

/// a [.., M, K] times b [.., K, N] -> [.., M, N]. Leading dims grow to each other as in arithmetic.h. Transposed, sliced and repeated inputs (views) are
/// not copied, unless `precision` has both inputs and the gradient rounded.
Variable matmul(const Variable& a, const Variable& b, Precision precision = Precision::f32);

}  // namespace tessera::ops
