// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/autograd/variable.h"

namespace tessera::ops {

using autograd::Variable;

/// Softmax and cross-entropy, *summed* over the rows. logits [N, classes]; targets i64 [N]. Returns a scalar.
/// Throws Error(data) naming the row where a target is outside 0..classes-1.
Variable cross_entropy(const Variable& logits, const Tensor& targets);

/// Rows whose largest logit (the first of equals) is the target's.
int64_t count_correct(const Tensor& logits, const Tensor& targets);

}  // namespace tessera::ops
