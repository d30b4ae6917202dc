// SPDX-License-Identifier: Apache-2.0
#include "core/ops/arithmetic.h"

#include <algorithm>
#include <string>
#include <vector>

#include "core/kernels/kernels.h"
#include "core/ops/broadcast.h"
#include "core/ops/checks.h"

namespace tessera::ops {
namespace {

bool is_image(const Tensor& tensor, const Shape& shape) { return tensor.shape() == shape && tensor.is_channels_last() && !tensor.is_contiguous(); }

/// Loops over both inputs, repeated to the result's shape, in the order of the result's memory; neighbours taken together.
Binary loops_of(const Tensor& a, const Tensor& b, const Tensor& out) {
  static constexpr size_t kPlain[] = {0, 1, 2, 3, 4, 5}, kImage[] = {0, 2, 3, 1};
  const size_t* order = out.is_contiguous() ? kPlain : kImage;
  Binary loops{0, {}, a.data<float>(), b.data<float>(), out.data<float>()};
  for (size_t i = 0; i < out.shape().dims(); ++i) {
    const size_t dim = order[i];
    const BinaryAxis axis{out.shape()[dim], a.strides()[dim], b.strides()[dim]};
    if (axis.size == 1) continue;
    BinaryAxis* outer = loops.axis_count > 0 ? &loops.axes[loops.axis_count - 1] : nullptr;
    if (outer && outer->a == axis.size * axis.a && outer->b == axis.size * axis.b) {
      *outer = {outer->size * axis.size, axis.a, axis.b};
    } else {
      loops.axes[loops.axis_count++] = axis;
    }
  }
  if (loops.axis_count == 0) loops.axes[loops.axis_count++] = {1, 1, 1};
  return loops;
}

/// a op b of the shape both grow to.
Tensor compute(BinaryOp op, const Tensor& a, const Tensor& b, const Shape& shape) {
  const bool image = is_image(a, shape) || is_image(b, shape);
  Tensor out = image ? Tensor::empty_channels_last(shape) : Tensor::empty(shape);
  if (out.elements() > 0) kernels_for(out.device()).arithmetic.binary(op, loops_of(a.expand(shape), b.expand(shape), out));
  return out;
}

Tensor compute(ScalarOp op, const Tensor& dense_x, float p, float q) {
  Tensor y = empty_like(dense_x);
  kernels_for(y.device()).arithmetic.scalar_forward(op, {y.elements(), p, q, dense_x.data<float>(), y.data<float>()});
  return y;
}

/// Keeps what the gradients need: both inputs of a product; divisor and quotient of a division.
class BinaryNode final : public autograd::Node {
 public:
  BinaryNode(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& result) : op_(op), a_shape_(a.shape()), b_shape_(b.shape()) {
    if (op == BinaryOp::multiply) a_ = a;
    if (op == BinaryOp::divide) quotient_ = result;
    if (op == BinaryOp::multiply || op == BinaryOp::divide) b_ = b;
  }

  const char* name() const override { return "arithmetic"; }
  void backward(const Tensor& gradient) override {
    if (wants(1)) give(1, sum_to(second(gradient), b_shape_));
    if (wants(0)) give(0, sum_to(first(gradient), a_shape_));
  }

 private:
  Tensor first(const Tensor& dy) const { return b_.defined() ? compute(op_, dy, b_, dy.shape()) : dy; }
  Tensor second(const Tensor& dy) const {
    switch (op_) {
      case BinaryOp::add: return dy;
      case BinaryOp::subtract: return negated(dy);
      case BinaryOp::multiply: return compute(op_, dy, a_, dy.shape());
      case BinaryOp::divide: return negated(compute(op_, compute(BinaryOp::multiply, dy, quotient_, dy.shape()), b_, dy.shape()));
    }
    return dy;
  }
  static Tensor negated(const Tensor& x) { return compute(ScalarOp::affine, dense(x), -1.0f, 0.0f); }

  BinaryOp op_;
  Shape a_shape_, b_shape_;
  Tensor a_, b_, quotient_;
};

Variable binary(BinaryOp op, const char* name, const Variable& a, const Variable& b) {
  require_f32(name, a.value());
  require_f32(name, b.value());
  const Tensor y = compute(op, a.value(), b.value(), broadcast_shape(name, a.shape(), b.shape()));
  return autograd::record<BinaryNode>(y, {&a, &b}, op, a.value(), b.value(), y);
}

/// affine or quotient: the gradient goes the same way.
class LinearNode final : public autograd::Node {
 public:
  LinearNode(ScalarOp op, float p) : op_(op), p_(p) {}

  const char* name() const override { return "arithmetic"; }
  void backward(const Tensor& gradient) override { give(0, compute(op_, dense(gradient), p_, 0.0f)); }

 private:
  ScalarOp op_;
  float p_;
};

Variable linear_in(const Variable& x, ScalarOp op, const char* name, float p, float q = 0.0f) {
  require_f32(name, x.value());
  return autograd::record<LinearNode>(compute(op, dense(x.value()), p, q), {&x}, op, p);
}

class ScalarNode final : public autograd::Node {
 public:
  ScalarNode(ScalarOp op, float p, float q, Tensor saved) : op_(op), p_(p), q_(q), saved_(std::move(saved)) {}

  const char* name() const override { return "arithmetic"; }
  void backward(const Tensor& gradient) override {
    const Tensor dy = in_order_of(gradient, saved_);
    Tensor dx = empty_like(saved_);
    kernels_for(dx.device()).arithmetic.scalar_backward(op_, {dx.elements(), p_, q_, saved_.data<float>(), dy.data<float>(), dx.data<float>()});
    give(0, std::move(dx));
  }

 private:
  ScalarOp op_;
  float p_, q_;
  Tensor saved_;
};

Variable scalar(ScalarOp op, const char* name, const Variable& x, float p = 0.0f, float q = 0.0f) {
  require_f32(name, x.value());
  const Tensor input = dense(x.value()), y = compute(op, input, p, q);
  const bool from_output = op == ScalarOp::exp || op == ScalarOp::sqrt;
  return autograd::record<ScalarNode>(y, {&x}, op, p, q, from_output ? y : input);
}

}  // namespace

Variable add(const Variable& a, const Variable& b) { return binary(BinaryOp::add, "add", a, b); }
Variable subtract(const Variable& a, const Variable& b) { return binary(BinaryOp::subtract, "subtract", a, b); }
Variable multiply(const Variable& a, const Variable& b) { return binary(BinaryOp::multiply, "multiply", a, b); }
Variable divide(const Variable& a, const Variable& b) { return binary(BinaryOp::divide, "divide", a, b); }

Variable add(const Variable& x, float number) { return linear_in(x, ScalarOp::affine, "add", 1.0f, number); }
Variable subtract(const Variable& x, float number) { return linear_in(x, ScalarOp::affine, "subtract", 1.0f, -number); }
Variable subtract(float number, const Variable& x) { return linear_in(x, ScalarOp::affine, "subtract", -1.0f, number); }
Variable multiply(const Variable& x, float number) { return linear_in(x, ScalarOp::affine, "multiply", number, 0.0f); }
Variable divide(const Variable& x, float number) { return linear_in(x, ScalarOp::quotient, "divide", number); }
Variable divide(float number, const Variable& x) { return scalar(ScalarOp::reciprocal, "divide", x, number); }

Variable exp(const Variable& x) { return scalar(ScalarOp::exp, "exp", x); }
Variable log(const Variable& x) { return scalar(ScalarOp::log, "log", x); }
Variable sqrt(const Variable& x) { return scalar(ScalarOp::sqrt, "sqrt", x); }
Variable square(const Variable& x) { return scalar(ScalarOp::square, "square", x); }
Variable negative(const Variable& x) { return linear_in(x, ScalarOp::affine, "negative", -1.0f, 0.0f); }
Variable absolute(const Variable& x) { return scalar(ScalarOp::absolute, "absolute", x); }

Variable clamp(const Variable& x, float lowest, float highest) {
  if (!(lowest <= highest)) fail("clamp", "the bounds " + std::to_string(lowest) + " and " + std::to_string(highest) + " hold nothing: input " + x.shape().text());
  return scalar(ScalarOp::clamp, "clamp", x, lowest, highest);
}

}  // namespace tessera::ops
