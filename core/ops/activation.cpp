// SPDX-License-Identifier: Apache-2.0
#include "core/ops/activation.h"

#include "core/base/error.h"
#include "core/kernels/kernels.h"
#include "core/ops/checks.h"

namespace tessera::ops {
namespace {

/// Gradients come in the layout of the output, unless an op in between could not keep it.
Tensor in_layout_of(const Tensor& gradient, const Tensor& like) {
  if (gradient.strides() == like.strides() || (gradient.is_contiguous() && like.is_contiguous())) return gradient;
  if (gradient.is_channels_last() && like.is_channels_last()) return gradient;
  Tensor copy = empty_like(like);
  copy_into(gradient, copy);
  return copy;
}

class UnaryNode final : public autograd::Node {
 public:
  UnaryNode(UnaryOp op, Tensor output) : op_(op), output_(std::move(output)) {}

  const char* name() const override { return "activation"; }
  void backward(const Tensor& gradient) override {
    const Tensor dy = in_layout_of(gradient, output_);
    Tensor dx = empty_like(output_);
    kernels_for(dx.device()).elementwise.unary_backward(op_, {dx.elements(), output_.data<float>(), dy.data<float>(), dx.data<float>()});
    give(0, std::move(dx));
  }

 private:
  UnaryOp op_;
  Tensor output_;
};

Variable unary(UnaryOp op, const char* name, const Variable& x) {
  require_f32(name, x.value());
  const Tensor input = dense(x.value());
  Tensor output = empty_like(input);
  kernels_for(output.device()).elementwise.unary_forward(op, {output.elements(), input.data<float>(), output.data<float>()});
  return autograd::record<UnaryNode>(output, {&x}, op, output);
}

class DropoutNode final : public autograd::Node {
 public:
  DropoutNode(float probability, Tensor mask) : probability_(probability), mask_(std::move(mask)) {}

  const char* name() const override { return "dropout"; }
  void backward(const Tensor& gradient) override {
    const Tensor dy = in_layout_of(gradient, mask_);
    Tensor dx = empty_like(dy);
    kernels_for(dx.device())
        .elementwise.dropout_backward({dx.elements(), probability_, mask_.data<uint8_t>(), dy.data<float>(), dx.data<float>()});
    give(0, std::move(dx));
  }

 private:
  float probability_;
  Tensor mask_;
};

}  // namespace

Variable relu(const Variable& x) { return unary(UnaryOp::relu, "relu", x); }
Variable tanh(const Variable& x) { return unary(UnaryOp::tanh, "tanh", x); }
Variable sigmoid(const Variable& x) { return unary(UnaryOp::sigmoid, "sigmoid", x); }

Variable dropout(const Variable& x, float probability, const DropoutKey& key) {
  require_f32("dropout", x.value());
  if (!(probability >= 0.0f && probability < 1.0f)) throw Error(ErrorKind::usage, "dropout probability must be in [0, 1)");
  if (probability == 0.0f) return x;
  const Tensor input = dense(x.value());
  Tensor output = empty_like(input);
  Tensor mask = input.is_contiguous() ? Tensor::empty(input.shape(), DType::u8) : Tensor::empty_channels_last(input.shape(), DType::u8);
  kernels_for(output.device())
      .elementwise.dropout_forward({output.elements(), probability, key.key, key.step, key.quantum, key.use, input.data<float>(),
                                    output.data<float>(), mask.data<uint8_t>()});
  return autograd::record<DropoutNode>(output, {&x}, probability, mask);
}

}  // namespace tessera::ops
