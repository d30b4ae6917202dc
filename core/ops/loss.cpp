// SPDX-License-Identifier: Apache-2.0
#include "core/ops/loss.h"

#include "core/base/error.h"
#include "core/kernels/kernels.h"
#include "core/ops/checks.h"
#include "core/ops/loss_targets.h"

namespace tessera::ops {
namespace {

class CrossEntropyNode final : public autograd::Node {
 public:
  CrossEntropyNode(Tensor probabilities, LossTargets targets) : probabilities_(std::move(probabilities)), targets_(std::move(targets)) {}

  const char* name() const override { return "cross_entropy"; }
  void backward(const Tensor& gradient) override {
    Tensor dlogits = Tensor::empty(probabilities_.shape());
    const int64_t rows = targets_.rows(), classes = dlogits.shape()[dlogits.shape().dims() - 1];
    kernels_for(dlogits.device())
        .loss.cross_entropy_backward({rows, classes, probabilities_.data<float>(), targets_.from(0), gradient.data<float>(), dlogits.data<float>()});
    give(0, std::move(dlogits));
  }

 private:
  Tensor probabilities_;
  LossTargets targets_;
};

/// Of logits [.., classes].
struct LogitShape {
  Shape rows;
  int64_t classes;

  explicit LogitShape(const Tensor& logits) {
    require_f32("cross_entropy", logits);
    const Shape& shape = logits.shape();
    if (shape.dims() == 0) throw Error(ErrorKind::usage, "cross_entropy needs logits [.., classes], not a scalar");
    rows = Shape(std::span<const int64_t>(shape.begin(), shape.dims() - 1));
    classes = shape[shape.dims() - 1];
  }
};

}  // namespace

LossSum cross_entropy(const Variable& logits, const Tensor& targets, const CrossEntropyOptions& options) {
  const LogitShape shape(logits.value());
  const LossTargets rows(shape.rows, shape.classes, targets, options);
  const Tensor input = contiguous(logits.value()), loss = Tensor::empty({});
  const Tensor probabilities = autograd::recording({&logits}) ? Tensor::empty(input.shape()) : Tensor();
  kernels_for(loss.device())
      .loss.cross_entropy_forward({rows.rows(), shape.classes, input.data<float>(), rows.from(0), probabilities.data<float>(), loss.data<float>()});
  return {autograd::record<CrossEntropyNode>(loss, {&logits}, probabilities, rows), rows.weight()};
}

Variable cross_entropy(const Variable& logits, const Tensor& targets) { return cross_entropy(logits, targets, {}).sum; }

int64_t count_correct(const Tensor& logits, const Tensor& targets, std::optional<int64_t> ignore_index, int64_t best) {
  const LogitShape shape(logits);
  CrossEntropyOptions options;
  options.ignore_index = ignore_index;
  const LossTargets rows(shape.rows, shape.classes, targets, options);
  const Tensor input = contiguous(logits);
  return kernels_for(input.device()).loss.count_correct({rows.rows(), shape.classes, input.data<float>(), rows.from(0).classes, best});
}

}  // namespace tessera::ops
