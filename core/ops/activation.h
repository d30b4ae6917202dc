// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "core/autograd/variable.h"
#include "core/base/philox.h"

namespace tessera::ops {

using autograd::Variable;

/// max(x, 0); any shape, dense.
Variable relu(const Variable& x);
/// tanh(x); any shape, dense.
Variable tanh(const Variable& x);
/// 1 / (1 + exp(-x)); any shape, dense.
Variable sigmoid(const Variable& x);

/// Which random numbers a dropout draws: a function of recipe and data position alone.
struct DropoutKey {
  RandomKey key;
  uint32_t step = 0, quantum = 0, use = 0;
};

/// Zeroes each element with `probability` in [0, 1) and scales the others by 1 / (1 - probability) (Srivastava 2014).
Variable dropout(const Variable& x, float probability, const DropoutKey& key);

}  // namespace tessera::ops
