// SPDX-License-Identifier: Apache-2.0
#include "core/ops/loss.h"

#include <string>

#include "core/base/error.h"
#include "core/kernels/kernels.h"
#include "core/ops/checks.h"

namespace tessera::ops {
namespace {

class CrossEntropyNode final : public autograd::Node {
 public:
  CrossEntropyNode(Tensor probabilities, Tensor targets) : probabilities_(std::move(probabilities)), targets_(std::move(targets)) {}

  const char* name() const override { return "cross_entropy"; }
  void backward(const Tensor& gradient) override {
    Tensor dlogits = Tensor::empty(probabilities_.shape());
    kernels_for(dlogits.device())
        .loss.cross_entropy_backward({dlogits.shape()[0], dlogits.shape()[1], probabilities_.data<float>(), targets_.data<int64_t>(),
                                      gradient.data<float>(), dlogits.data<float>()});
    give(0, std::move(dlogits));
  }

 private:
  Tensor probabilities_, targets_;
};

void check(const Tensor& logits, const Tensor& targets) {
  require_dims("cross_entropy", logits, 2, "logits [samples, classes]");
  if (targets.dtype() != DType::i64 || targets.shape() != Shape{logits.shape()[0]}) {
    fail_shapes("cross_entropy", "targets must be i64 [samples]", logits.shape(), targets.shape());
  }
  const int64_t* target = targets.data<int64_t>();
  for (int64_t row = 0; row < targets.elements(); ++row) {
    if (target[row] >= 0 && target[row] < logits.shape()[1]) continue;
    throw Error(ErrorKind::data,
                "target " + std::to_string(target[row]) + " of row " + std::to_string(row) + " is outside 0.." + std::to_string(logits.shape()[1] - 1),
                "cross_entropy", "the model needs as many classes as the data has");
  }
}

}  // namespace

Variable cross_entropy(const Variable& logits, const Tensor& targets) {
  const Tensor input = contiguous(logits.value()), classes = contiguous(targets);
  check(input, classes);
  Tensor loss = Tensor::empty({});
  const Tensor probabilities = autograd::recording({&logits}) ? Tensor::empty(input.shape()) : Tensor();
  kernels_for(loss.device())
      .loss.cross_entropy_forward({input.shape()[0], input.shape()[1], input.data<float>(), classes.data<int64_t>(),
                                   probabilities.data<float>(), loss.data<float>()});
  return autograd::record<CrossEntropyNode>(loss, {&logits}, probabilities, classes);
}

int64_t count_correct(const Tensor& logits, const Tensor& targets) {
  const Tensor input = contiguous(logits), classes = contiguous(targets);
  check(input, classes);
  return kernels_for(input.device())
      .loss.count_correct({input.shape()[0], input.shape()[1], input.data<float>(), classes.data<int64_t>()});
}

}  // namespace tessera::ops
