// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/autograd/variable.h"
#include "core/ops/precision.h"

namespace tessera::ops {

using autograd::Variable;

/// x [N, in], weight [out, in], bias [out] or undefined -> x weight^T + bias [N, out]. x and the gradient are rounded to `precision`; the weight is
/// taken as it is, for its owner rounds it once an update (nn::Parameter::factor).
Variable linear(const Variable& x, const Variable& weight, const Variable& bias, Precision precision = Precision::f32);

/// The same for a weight [in, out], as GPT-2 stores it: x weight + bias.
Variable linear_in_out(const Variable& x, const Variable& weight, const Variable& bias, Precision precision = Precision::f32);

}  // namespace tessera::ops
