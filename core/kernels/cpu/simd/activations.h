// SPDX-License-Identifier: Apache-2.0
// An elementwise op is a functor pair: value(x) and grad(saved, dy), `saved` being x where derivative_needs_input says so and y
// elsewhere. NaN passes through all of them.
#pragma once

#include "core/kernels/cpu/simd/math.h"
#include "core/kernels/elementwise.h"

TESSERA_ISA_BEGIN
namespace {

struct Relu {
  static float value(float x, UnaryOptions) { return x < 0.0f ? 0.0f : x; }
  static float grad(float y, float dy, UnaryOptions) { return y > 0.0f ? dy : 0.0f; }
};

struct Tanh {
  static float value(float x, UnaryOptions) { return tanh_f32(x); }
  static float grad(float y, float dy, UnaryOptions) { return dy * (1.0f - y * y); }
};

struct Sigmoid {
  static float value(float x, UnaryOptions) { return sigmoid_f32(x); }
  static float grad(float y, float dy, UnaryOptions) { return dy * (y * (1.0f - y)); }
};

/// y has the sign of x, so that y tells the slope.
struct LeakyRelu {
  static float value(float x, UnaryOptions o) { return x < 0.0f ? x * o.slope : x; }
  static float grad(float y, float dy, UnaryOptions o) { return y > 0.0f ? dy : dy * o.slope; }
};

struct Relu6 {
  static float value(float x, UnaryOptions) { return x < 0.0f ? 0.0f : select(x > 6.0f, 6.0f, x); }
  static float grad(float y, float dy, UnaryOptions) { return select(y > 0.0f && y < 6.0f, dy, 0.0f); }
};

struct Gelu {
  static float value(float x, UnaryOptions) { return x * normal_f32(x).distribution; }
  static float grad(float x, float dy, UnaryOptions) {
    const Normal normal = normal_f32(x);
    return dy * (normal.distribution + x * normal.density);
  }
};

/// x * (1 + tanh(u)) / 2 = x * sigmoid(2 u), u = sqrt(2 / pi) * (x + 0.044715 x^3)
struct GeluTanh {
  static constexpr float kLinear = 2.0f * 0x1.988454p-1f, kCubic = 0.044715f * kLinear;
  static float gate(float x) { return sigmoid_f32(x * (kLinear + kCubic * (x * x))); }
  static float value(float x, UnaryOptions) { return x * gate(x); }
  static float grad(float x, float dy, UnaryOptions) {
    const float s = gate(x), slope = kLinear + 3.0f * kCubic * (x * x);
    return dy * (s + x * slope * (s * (1.0f - s)));
  }
};

struct Silu {
  static float value(float x, UnaryOptions) { return x * sigmoid_f32(x); }
  static float grad(float x, float dy, UnaryOptions) {
    const float s = sigmoid_f32(x);
    return dy * (s * (1.0f + x * (1.0f - s)));
  }
};

struct Softplus {
  static float value(float x, UnaryOptions o) {
    const float scaled = x * o.beta;
    return select(scaled > o.threshold, x, softplus_f32(scaled) / o.beta);
  }
  static float grad(float x, float dy, UnaryOptions o) {
    const float scaled = x * o.beta;
    return select(scaled > o.threshold, dy, dy * sigmoid_f32(scaled));
  }
};

/// body(functor) for the functor of `op`.
template <typename Body>
inline void with_functor(UnaryOp op, Body body) {
  switch (op) {
    case UnaryOp::relu: return body(Relu());
    case UnaryOp::tanh: return body(Tanh());
    case UnaryOp::sigmoid: return body(Sigmoid());
    case UnaryOp::leaky_relu: return body(LeakyRelu());
    case UnaryOp::relu6: return body(Relu6());
    case UnaryOp::gelu: return body(Gelu());
    case UnaryOp::gelu_tanh: return body(GeluTanh());
    case UnaryOp::silu: return body(Silu());
    case UnaryOp::softplus: return body(Softplus());
  }
}

}  // namespace
TESSERA_ISA_END
