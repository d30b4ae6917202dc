// SPDX-License-Identifier: Apache-2.0
#include "core/ops/loss_targets.h"

#include <limits>
#include <string>

#include "core/base/error.h"
#include "core/ops/checks.h"

namespace tessera::ops {
namespace {

/// What the kernels take for the target that counts nothing where there is none: no class either.
constexpr int64_t kNoneIgnored = std::numeric_limits<int64_t>::min();

void check_options(const CrossEntropyOptions& options, int64_t classes) {
  if (!(options.label_smoothing >= 0.0 && options.label_smoothing < 1.0)) throw Error(ErrorKind::usage, "cross_entropy: label smoothing must be in [0, 1)");
  if (options.ignore_index && *options.ignore_index >= 0 && *options.ignore_index < classes) {
    throw Error(ErrorKind::usage, "cross_entropy: ignore_index " + std::to_string(*options.ignore_index) + " is one of " + std::to_string(classes) + " classes", {},
                "use a negative number");
  }
  if (!options.class_weights.defined()) return;
  require_f32("cross_entropy", options.class_weights);
  if (options.class_weights.shape() != Shape{classes}) {
    fail_shapes("cross_entropy", "class weights and classes do not fit", options.class_weights.shape(), {classes});
  }
}

/// Dense, or undefined.
Tensor dense_row_weights(const Tensor& weights, const Tensor& targets) {
  if (!weights.defined()) return {};
  require_f32("cross_entropy", weights);
  if (weights.shape() != targets.shape()) fail_shapes("cross_entropy", "row weights and targets do not fit", weights.shape(), targets.shape());
  return contiguous(weights);
}

void check_targets(const CrossEntropyTargets& targets, int64_t rows, int64_t classes) {
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t target = targets.classes[row];
    if ((target >= 0 && target < classes) || target == targets.ignored || (targets.row_weights && targets.row_weights[row] == 0.0f)) continue;
    throw Error(ErrorKind::data, "target " + std::to_string(target) + " of row " + std::to_string(row) + " is outside 0.." + std::to_string(classes - 1),
                "cross_entropy", "the model needs as many classes as the data has");
  }
}

}  // namespace

LossTargets::LossTargets(const Shape& rows, int64_t classes, const Tensor& targets, const CrossEntropyOptions& options) {
  if (targets.dtype() != DType::i64 || targets.shape() != rows) fail_shapes("cross_entropy", "targets must be i64, one a row of the logits", rows, targets.shape());
  targets_ = contiguous(targets);
  row_weights_ = dense_row_weights(options.row_weights, targets);
  if (options.class_weights.defined()) class_weights_ = contiguous(options.class_weights);
  arguments_ = {targets_.data<int64_t>(), options.ignore_index.value_or(kNoneIgnored), static_cast<float>(options.label_smoothing),
                class_weights_.data<float>(), row_weights_.data<float>()};
  check_targets(arguments_, targets_.elements(), classes);
  check_options(options, classes);
}

CrossEntropyTargets LossTargets::from(int64_t first) const {
  CrossEntropyTargets rest = arguments_;
  rest.classes += first;
  if (rest.row_weights) rest.row_weights += first;
  return rest;
}

double LossTargets::weight() const {
  double weight = 0.0;
  for (int64_t row = 0; row < rows(); ++row) {
    const int64_t target = arguments_.classes[row];
    const double own = target == arguments_.ignored ? 0.0 : arguments_.row_weights ? static_cast<double>(arguments_.row_weights[row]) : 1.0;
    if (own != 0.0) weight += own * (arguments_.weights ? static_cast<double>(arguments_.weights[target]) : 1.0);
  }
  return weight;
}

}  // namespace tessera::ops
