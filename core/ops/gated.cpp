// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/kernels.h"
#include "core/ops/activation.h"
#include "core/ops/checks.h"

namespace tessera::ops {
namespace {

class GatedNode final : public autograd::Node {
 public:
  GatedNode(Tensor gate, Tensor x) : gate_(std::move(gate)), x_(std::move(x)) {}

  const char* name() const override { return "swiglu"; }
  void backward(const Tensor& gradient) override {
    const Tensor dy = contiguous(gradient);
    Tensor dgate = Tensor::empty(gate_.shape()), dx = Tensor::empty(gate_.shape());
    kernels_for(dy.device())
        .elementwise.gated_backward({dy.elements(), gate_.data<float>(), x_.data<float>(), dy.data<float>(), dgate.data<float>(), dx.data<float>()});
    if (wants(1)) give(1, std::move(dx));
    if (wants(0)) give(0, std::move(dgate));
  }

 private:
  Tensor gate_, x_;
};

}  // namespace

Variable swiglu(const Variable& gate, const Variable& x) {
  require_f32("swiglu", gate.value());
  require_f32("swiglu", x.value());
  if (gate.shape() != x.shape()) fail_shapes("swiglu", "gate and input differ", gate.shape(), x.shape());
  const Tensor first = contiguous(gate.value()), second = contiguous(x.value());
  const Tensor output = Tensor::empty(first.shape());
  kernels_for(output.device()).elementwise.gated_forward({output.elements(), first.data<float>(), second.data<float>(), output.data<float>()});
  return autograd::record<GatedNode>(output, {&gate, &x}, first, second);
}

}  // namespace tessera::ops
