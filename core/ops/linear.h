// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "core/autograd/variable.h"
#include "core/kernels/elementwise.h"
#include "core/ops/precision.h"

namespace tessera::ops {

using autograd::Variable;

struct LinearOptions {
  bool in_out = false;  ///< the weight is [in, out], as GPT-2 stores it
  /// Of the result. It passes over memory together with the bias, which there must be then, and its derivative together with the sums of the bias' gradient.
  std::optional<UnaryOp> activation = {};
  /// x and the gradient are rounded to it; the weight is taken as it is, for its owner rounds it once an update (nn::Parameter::factor).
  Precision precision = Precision::f32;
};

/// x [N, in], weight [out, in], bias [out] or undefined -> x weight^T + bias [N, out].
Variable linear(const Variable& x, const Variable& weight, const Variable& bias, const LinearOptions& options = {});

}  // namespace tessera::ops
