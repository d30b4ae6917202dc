// SPDX-License-Identifier: Apache-2.0
// Arithmetic, element by element. Shapes of two tensors grow to each other as PyTorch's do: dims are compared from the last; they are equal, or
// one is 1 or missing and is repeated.
#pragma once

#include "core/autograd/variable.h"

namespace tessera::ops {

using autograd::Variable;

Variable add(const Variable& a, const Variable& b);
Variable subtract(const Variable& a, const Variable& b);
Variable multiply(const Variable& a, const Variable& b);
Variable divide(const Variable& a, const Variable& b);

Variable add(const Variable& x, float number);
Variable subtract(const Variable& x, float number);
Variable subtract(float number, const Variable& x);
Variable multiply(const Variable& x, float number);
Variable divide(const Variable& x, float number);
Variable divide(float number, const Variable& x);

Variable exp(const Variable& x);
/// The natural logarithm.
Variable log(const Variable& x);
Variable sqrt(const Variable& x);
Variable square(const Variable& x);
Variable negative(const Variable& x);
/// |x|; the gradient at 0 is 0.
Variable absolute(const Variable& x);
/// To [lowest, highest]; the gradient passes within, bounds included.
Variable clamp(const Variable& x, float lowest, float highest);

}  // namespace tessera::ops
