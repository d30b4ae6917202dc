// SPDX-License-Identifier: Apache-2.0
// What the cross-entropies share: checks of their targets and what kernels take for them.
#pragma once

#include "core/kernels/loss.h"
#include "core/ops/loss.h"

namespace tessera::ops {

/// Targets and their options, checked, dense and kept alive for the kernels that point to them.
class LossTargets {
 public:
  /// Fails as cross_entropy() does where targets or options do not fit `rows` and `classes`.
  LossTargets(const Shape& rows, int64_t classes, const Tensor& targets, const CrossEntropyOptions& options);

  /// Those of the rows from `first` on.
  CrossEntropyTargets from(int64_t first) const;
  int64_t rows() const { return targets_.elements(); }
  /// Of the rows that count; added in f64 in their order, so that equal quanta have equal weights.
  double weight() const;

 private:
  Tensor targets_, class_weights_, row_weights_;
  CrossEntropyTargets arguments_;
};

}  // namespace tessera::ops
