// SPDX-License-Identifier: Apache-2.0
// Losses are *sums*, and come with the weight that turns a sum into a mean: sum / weight is what PyTorch's reduction "mean" gives. Over several
// calls, sums and weights are added before the division.
#pragma once

#include <optional>

#include "core/autograd/variable.h"

namespace tessera::ops {

using autograd::Variable;

struct LossSum {
  Variable sum;  ///< scalar
  double weight = 0.0;
};

struct CrossEntropyOptions {
  /// Share of the target distribution that is spread evenly over the classes, in [0, 1) (Szegedy et al., CVPR 2016).
  double label_smoothing = 0.0;
  Tensor class_weights;  ///< f32 [classes], >= 0; undefined: all 1
  std::optional<int64_t> ignore_index;  ///< rows with this target count nothing; not a class
  Tensor row_weights = {};  ///< f32 [..] as the targets, >= 0; undefined: all 1. Where it is 0 the target may be anything
};

/// Softmax and cross-entropy. logits [.., classes]; targets i64 [..]. The weight is the number of rows that count, each times its own and its target's class weight. With
/// smoothing s and class weights w a row's loss is -(1 - s) w[t] log p[t] - s / classes * sum_c w[c] log p[c], as in PyTorch.
/// Throws Error(data) naming the row where a target is outside 0..classes-1.
LossSum cross_entropy(const Variable& logits, const Tensor& targets, const CrossEntropyOptions& options);
/// The plain one; its weight is the number of rows.
Variable cross_entropy(const Variable& logits, const Tensor& targets);

/// Rows whose target is among the `best` largest logits (the first of equals first).
int64_t count_correct(const Tensor& logits, const Tensor& targets, std::optional<int64_t> ignore_index = std::nullopt, int64_t best = 1);

// Sums over all elements; the weight is their number. `targets` is f32 of the shape of the first argument and gets no gradient.

/// -t log(sigmoid(x)) * positive_weights - (1 - t) log(1 - sigmoid(x)); positive_weights f32 [last dim of x] or undefined (1).
LossSum binary_cross_entropy(const Variable& logits, const Tensor& targets, const Tensor& positive_weights = {});
/// (x - t)^2
LossSum squared_error(const Variable& x, const Tensor& targets);
/// |x - t|; the derivative at 0 is 0.
LossSum absolute_error(const Variable& x, const Tensor& targets);
/// (x - t)^2 / (2 beta) where |x - t| < beta, |x - t| - beta / 2 elsewhere; beta > 0 (Girshick, ICCV 2015).
LossSum smooth_absolute_error(const Variable& x, const Tensor& targets, double beta = 1.0);

}  // namespace tessera::ops
