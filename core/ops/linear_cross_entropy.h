// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "core/ops/loss.h"
#include "core/ops/precision.h"

namespace tessera::ops {

struct LinearCrossEntropyOptions {
  CrossEntropyOptions loss = {};
  /// Gradient that backward will bring for the sum: its factor in the total that is differentiated.
  float gradient = 1.0f;
  bool count_correct = false;  ///< also find `correct`
  Precision precision = Precision::f32;  ///< x and the logits' gradient are rounded to it, as linear()'s; the weight is taken as it is
};

struct LinearLoss {
  LossSum loss;
  int64_t correct = 0;  ///< rows whose largest logit is the target's
};

/// cross_entropy(linear(x, weight, bias), targets) for a large vocabulary V: neither the logits [N, V] nor their gradient are ever held, but those of some
/// rows at a time. x [N, C]; weight [V, C]; bias [V] or undefined; targets i64 [N]. Where a gradient is wanted, all gradients are found in this
/// same pass, so that no logit is computed twice.
LinearLoss linear_cross_entropy(const Variable& x, const Variable& weight, const Variable& bias, const Tensor& targets,
                                const LinearCrossEntropyOptions& options);

}  // namespace tessera::ops
