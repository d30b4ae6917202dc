// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/autograd/variable.h"

namespace tessera::ops {

using autograd::Variable;

/// x [N, in], weight [out, in], bias [out] or undefined -> x weight^T + bias [N, out].
Variable linear(const Variable& x, const Variable& weight, const Variable& bias);

}  // namespace tessera::ops
