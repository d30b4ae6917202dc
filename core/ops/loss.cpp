// SPDX-License-Identifier: Apache-2.0
#include "core/ops/loss.h"

#include <limits>
#include <string>

#include "core/base/error.h"
#include "core/kernels/kernels.h"
#include "core/ops/checks.h"

namespace tessera::ops {
namespace {

/// What the kernels take for the target that counts nothing where there is none: no class either.
constexpr int64_t kNoneIgnored = std::numeric_limits<int64_t>::min();

class CrossEntropyNode final : public autograd::Node {
 public:
  CrossEntropyNode(Tensor probabilities, Tensor targets, Tensor weights, Tensor row_weights, const CrossEntropyTargets& arguments)
      : probabilities_(std::move(probabilities)),
        targets_(std::move(targets)),
        weights_(std::move(weights)),
        row_weights_(std::move(row_weights)),
        arguments_(arguments) {}

  const char* name() const override { return "cross_entropy"; }
  void backward(const Tensor& gradient) override {
    Tensor dlogits = Tensor::empty(probabilities_.shape());
    const int64_t rows = targets_.elements(), classes = dlogits.shape()[dlogits.shape().dims() - 1];
    kernels_for(dlogits.device())
        .loss.cross_entropy_backward({rows, classes, probabilities_.data<float>(), arguments_, gradient.data<float>(), dlogits.data<float>()});
    give(0, std::move(dlogits));
  }

 private:
  Tensor probabilities_, targets_, weights_, row_weights_;  // the latter three hold what `arguments_` points to
  CrossEntropyTargets arguments_;
};

/// Returns the number of classes.
int64_t check(const Tensor& logits, const Tensor& targets, std::optional<int64_t> ignored, const float* row_weights = nullptr) {
  require_f32("cross_entropy", logits);
  const Shape& shape = logits.shape();
  if (shape.dims() == 0) throw Error(ErrorKind::usage, "cross_entropy needs logits [.., classes], not a scalar");
  const Shape rows(std::span<const int64_t>(shape.begin(), shape.dims() - 1));
  const int64_t classes = shape[shape.dims() - 1];
  if (targets.dtype() != DType::i64 || targets.shape() != rows) fail_shapes("cross_entropy", "targets must be i64 and fit the logits", shape, targets.shape());
  const int64_t* target = targets.data<int64_t>();
  for (int64_t row = 0; row < targets.elements(); ++row) {
    if ((target[row] >= 0 && target[row] < classes) || target[row] == ignored || (row_weights && row_weights[row] == 0.0f)) continue;
    throw Error(ErrorKind::data,
                "target " + std::to_string(target[row]) + " of row " + std::to_string(row) + " is outside 0.." + std::to_string(classes - 1),
                "cross_entropy", "the model needs as many classes as the data has");
  }
  return classes;
}

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

/// Of the rows that count; added in f64 in their order, so that equal quanta have equal weights.
double weight_of(const Tensor& targets, const CrossEntropyTargets& arguments) {
  double weight = 0.0;
  for (int64_t row = 0; row < targets.elements(); ++row) {
    const int64_t target = arguments.classes[row];
    const double own = target == arguments.ignored ? 0.0 : arguments.row_weights ? static_cast<double>(arguments.row_weights[row]) : 1.0;
    if (own != 0.0) weight += own * (arguments.weights ? static_cast<double>(arguments.weights[target]) : 1.0);
  }
  return weight;
}

/// Dense, or undefined.
Tensor dense_row_weights(const Tensor& weights, const Tensor& targets) {
  if (!weights.defined()) return {};
  require_f32("cross_entropy", weights);
  if (weights.shape() != targets.shape()) fail_shapes("cross_entropy", "row weights and targets do not fit", weights.shape(), targets.shape());
  return contiguous(weights);
}

}  // namespace

LossSum cross_entropy(const Variable& logits, const Tensor& targets, const CrossEntropyOptions& options) {
  const Tensor input = contiguous(logits.value()), rows = contiguous(targets), row_weights = dense_row_weights(options.row_weights, targets);
  const int64_t classes = check(input, rows, options.ignore_index, row_weights.data<float>());
  check_options(options, classes);
  const Tensor weights = options.class_weights.defined() ? contiguous(options.class_weights) : Tensor();
  const CrossEntropyTargets arguments{rows.data<int64_t>(), options.ignore_index.value_or(kNoneIgnored), static_cast<float>(options.label_smoothing),
                                      weights.data<float>(), row_weights.data<float>()};
  const Tensor loss = Tensor::empty({});
  const Tensor probabilities = autograd::recording({&logits}) ? Tensor::empty(input.shape()) : Tensor();
  kernels_for(loss.device())
      .loss.cross_entropy_forward({rows.elements(), classes, input.data<float>(), arguments, probabilities.data<float>(), loss.data<float>()});
  return {autograd::record<CrossEntropyNode>(loss, {&logits}, probabilities, rows, weights, row_weights, arguments), weight_of(rows, arguments)};
}

Variable cross_entropy(const Variable& logits, const Tensor& targets) { return cross_entropy(logits, targets, {}).sum; }

int64_t count_correct(const Tensor& logits, const Tensor& targets, std::optional<int64_t> ignore_index, int64_t best) {
  const Tensor input = contiguous(logits), rows = contiguous(targets);
  const int64_t classes = check(input, rows, ignore_index);
  return kernels_for(input.device()).loss.count_correct({rows.elements(), classes, input.data<float>(), rows.data<int64_t>(), best});
}

}  // namespace tessera::ops
