// SPDX-License-Identifier: Apache-2.0
// Losses that are sums over elements.
#include <string>

#include "core/base/error.h"
#include "core/kernels/kernels.h"
#include "core/ops/checks.h"
#include "core/ops/loss.h"

namespace tessera::ops {
namespace {

struct Settings {
  ElementLoss loss;
  const char* name;
  float beta = 1.0f;
};

int64_t last_dim_of(const Shape& shape) { return shape.dims() == 0 ? 1 : shape[shape.dims() - 1]; }

class ElementLossNode final : public autograd::Node {
 public:
  ElementLossNode(const Settings& settings, Tensor input, Tensor targets, Tensor positive)
      : settings_(settings), input_(std::move(input)), targets_(std::move(targets)), positive_(std::move(positive)) {}

  const char* name() const override { return settings_.name; }
  void backward(const Tensor& gradient) override {
    Tensor dx = Tensor::empty(input_.shape());
    kernels_for(dx.device())
        .loss.element_backward(settings_.loss, {dx.elements(), last_dim_of(dx.shape()), input_.data<float>(), targets_.data<float>(),
                                                positive_.data<float>(), settings_.beta, gradient.data<float>(), dx.data<float>()});
    give(0, std::move(dx));
  }

 private:
  Settings settings_;
  Tensor input_, targets_, positive_;
};

LossSum element_loss(const Settings& settings, const Variable& x, const Tensor& targets, const Tensor& positive_weights = {}) {
  require_f32(settings.name, x.value());
  require_f32(settings.name, targets);
  const Shape& shape = x.shape();
  if (targets.shape() != shape) fail_shapes(settings.name, "targets and input do not fit", targets.shape(), shape);
  const Tensor positive = positive_weights.defined() ? contiguous(positive_weights) : Tensor();
  if (positive.defined()) {
    require_f32(settings.name, positive);
    if (positive.shape() != Shape{last_dim_of(shape)}) fail_shapes(settings.name, "positive weights and the input's last dim do not fit", positive.shape(), shape);
  }
  const Tensor input = contiguous(x.value()), wanted = contiguous(targets), loss = Tensor::empty({});
  kernels_for(loss.device())
      .loss.element_forward(settings.loss, {input.elements(), last_dim_of(shape), input.data<float>(), wanted.data<float>(), positive.data<float>(),
                                            settings.beta, loss.data<float>()});
  return {autograd::record<ElementLossNode>(loss, {&x}, settings, input, wanted, positive), static_cast<double>(input.elements())};
}

}  // namespace

LossSum binary_cross_entropy(const Variable& logits, const Tensor& targets, const Tensor& positive_weights) {
  return element_loss({ElementLoss::binary, "binary_cross_entropy"}, logits, targets, positive_weights);
}

LossSum squared_error(const Variable& x, const Tensor& targets) { return element_loss({ElementLoss::squared, "squared_error"}, x, targets); }

LossSum absolute_error(const Variable& x, const Tensor& targets) { return element_loss({ElementLoss::absolute, "absolute_error"}, x, targets); }

LossSum smooth_absolute_error(const Variable& x, const Tensor& targets, double beta) {
  if (!(beta > 0.0)) throw Error(ErrorKind::usage, "smooth_absolute_error: beta " + std::to_string(beta) + " is not above zero", {}, "use absolute_error for 0");
  return element_loss({ElementLoss::smooth, "smooth_absolute_error", static_cast<float>(beta)}, x, targets);
}

}  // namespace tessera::ops
