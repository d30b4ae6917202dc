// SPDX-License-Identifier: Apache-2.0
#include "core/ops/activation.h"

#include <string>

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
  UnaryNode(UnaryOp op, const char* name, const UnaryOptions& options, Tensor saved)
      : op_(op), name_(name), options_(options), saved_(std::move(saved)) {}

  const char* name() const override { return name_; }
  void backward(const Tensor& gradient) override {
    const Tensor dy = in_layout_of(gradient, saved_);
    Tensor dx = empty_like(saved_);
    kernels_for(dx.device())
        .elementwise.unary_backward(op_, {dx.elements(), options_, saved_.data<float>(), dy.data<float>(), dx.data<float>()});
    give(0, std::move(dx));
  }

 private:
  UnaryOp op_;
  const char* name_;
  UnaryOptions options_;
  Tensor saved_;  // the input or the output, whichever the derivative is computed from
};

Variable unary(UnaryOp op, const char* name, const Variable& x, const UnaryOptions& options = {}) {
  require_f32(name, x.value());
  const Tensor input = dense(x.value());
  Tensor output = empty_like(input);
  kernels_for(output.device()).elementwise.unary_forward(op, {output.elements(), options, input.data<float>(), output.data<float>()});
  return autograd::record<UnaryNode>(output, {&x}, op, name, options, derivative_needs_input(op) ? input : output);
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
Variable relu6(const Variable& x) { return unary(UnaryOp::relu6, "relu6", x); }
Variable tanh(const Variable& x) { return unary(UnaryOp::tanh, "tanh", x); }
Variable sigmoid(const Variable& x) { return unary(UnaryOp::sigmoid, "sigmoid", x); }

Variable gelu(const Variable& x) { return unary(UnaryOp::gelu, "gelu", x); }
Variable gelu_tanh(const Variable& x) { return unary(UnaryOp::gelu_tanh, "gelu_tanh", x); }
Variable silu(const Variable& x) { return unary(UnaryOp::silu, "silu", x); }

Variable leaky_relu(const Variable& x, double slope) {
  if (!(slope >= 0.0)) throw Error(ErrorKind::usage, "leaky_relu: slope " + std::to_string(slope) + " is below zero", {}, "use a slope in [0, 1)");
  return unary(UnaryOp::leaky_relu, "leaky_relu", x, {.slope = static_cast<float>(slope)});
}

Variable softplus(const Variable& x, double beta, double threshold) {
  if (!(beta > 0.0)) throw Error(ErrorKind::usage, "softplus: beta " + std::to_string(beta) + " is not above zero", {}, "use a beta above zero");
  return unary(UnaryOp::softplus, "softplus", x, {.beta = static_cast<float>(beta), .threshold = static_cast<float>(threshold)});
}

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
