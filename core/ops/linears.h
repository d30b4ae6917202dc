// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "core/ops/linear.h"

namespace tessera::ops {

/// Several linear layers on one input x [N, in]: weights [out_i, in] and biases [out_i], as many -> their results side by side, [N, sum of out_i]. One product forward and two backward:
/// where the weights lie one behind the other in memory, and likewise their gradients, nothing is copied for it; else they are put together first. Precision as linear()'s.
Variable linears(const Variable& x, std::span<const Variable> weights, std::span<const Variable> biases, Precision precision = Precision::f32);

}  // namespace tessera::ops
