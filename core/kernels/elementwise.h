// SPDX-License-Identifier: Apache-2.0
// Arguments and table of the elementwise kernels. All tensors of a call are dense and lie in the same memory order.
#pragma once

#include <cstdint>

#include "core/base/philox.h"

namespace tessera {

/// gelu is x * P(X < x) of a standard normal X, gelu_tanh its approximation (Hendrycks and Gimpel 2016).
enum class UnaryOp : uint8_t { relu, tanh, sigmoid, leaky_relu, relu6, gelu, gelu_tanh, silu, softplus };

/// Numbers that some of the ops have besides x.
struct UnaryOptions {
  float slope = 0.01f;      ///< of leaky_relu below zero; >= 0
  float beta = 1.0f;        ///< of softplus: log(1 + exp(beta * x)) / beta
  float threshold = 20.0f;  ///< of softplus: x itself where beta * x is larger
};

/// Whether the derivative is computed from x; from y otherwise, which the next op often keeps anyway.
constexpr bool derivative_needs_input(UnaryOp op) { return op >= UnaryOp::gelu; }

struct UnaryForward {
  int64_t elements;
  UnaryOptions options;
  const float* x;
  float* y;
};

struct UnaryBackward {
  int64_t elements;
  UnaryOptions options;
  const float* saved;  ///< x or y: derivative_needs_input
  const float* dy;
  float* dx;
};

/// Element i is kept where a uniform number in [0, 1) is >= probability, and scaled by 1 / (1 - probability). The number is word
/// i % 4 of the Philox block (i / 4 with `use` in its top 16 bits; quantum; step).
struct DropoutForward {
  int64_t elements;
  float probability;
  RandomKey key;
  uint32_t step, quantum, use;
  const float* x;
  float* y;
  uint8_t* mask;  ///< 1 where kept
};

struct DropoutBackward {
  int64_t elements;
  float probability;
  const uint8_t* mask;
  const float* dy;
  float* dx;
};

/// y = silu(gate) * x, the gate of SwiGLU (Shazeer 2020).
struct GatedForward {
  int64_t elements;
  const float* gate;
  const float* x;
  float* y;
};

struct GatedBackward {
  int64_t elements;
  const float* gate;
  const float* x;
  const float* dy;
  float* dgate;
  float* dx;
};

struct BinaryAdd {
  int64_t elements;
  const float* a;
  const float* b;
  float* out;  ///< may be a or b
};

/// y: x as the nearest bf16 numbers, kept in f32; ties go to the even one, NaN stays NaN.
struct RoundToBf16 {
  int64_t elements;
  const float* x;
  float* y;  ///< may be x
};

struct ElementwiseKernels {
  void (*unary_forward)(UnaryOp, const UnaryForward&);
  void (*unary_backward)(UnaryOp, const UnaryBackward&);
  void (*dropout_forward)(const DropoutForward&);
  void (*dropout_backward)(const DropoutBackward&);
  void (*add)(const BinaryAdd&);
  void (*gated_forward)(const GatedForward&);
  void (*gated_backward)(const GatedBackward&);
  void (*round_to_bf16)(const RoundToBf16&);
};

}  // namespace tessera
