// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/autograd/variable.h"

namespace tessera::ops {

using autograd::Variable;

/// a [.., M, K] times b [.., K, N] -> [.., M, N]. Leading dims grow to each other as in arithmetic.h. Transposed, sliced and repeated inputs (views) are
/// not copied.
Variable matmul(const Variable& a, const Variable& b);

}  // namespace tessera::ops
