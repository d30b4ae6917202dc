// SPDX-License-Identifier: Apache-2.0
// Arithmetic of tensors, element by element.
#pragma once

#include <cstdint>

#include "core/tensor/shape.h"

namespace tessera {

enum class BinaryOp : uint8_t { add, subtract, multiply, divide };

/// One of the nested loops of a binary op: its length, and how far a step goes in each input, in elements; 0: the same element again.
struct BinaryAxis {
  int64_t size, a, b;
};

/// out = a op b. The loops are given outermost first; in their order the results lie in memory without gaps.
struct Binary {
  int64_t axis_count;  ///< at least 1
  BinaryAxis axes[Shape::kMaxDims];
  const float* a;
  const float* b;
  float* out;
};

/// Functions of one tensor and up to two numbers p, q. affine: p * x + q; quotient: x / p; reciprocal: p / x; clamp: to [p, q].
enum class ScalarOp : uint8_t { exp, log, sqrt, square, absolute, clamp, reciprocal, affine, quotient };

struct ScalarForward {
  int64_t elements;
  float p, q;
  const float* x;
  float* y;
};

/// exp and sqrt are derived from their output, the others from their input. Not for affine and quotient: their own forward, with q = 0, makes dx of dy.
struct ScalarBackward {
  int64_t elements;
  float p, q;
  const float* saved;
  const float* dy;
  float* dx;
};

struct ArithmeticKernels {
  void (*binary)(BinaryOp, const Binary&);
  void (*scalar_forward)(ScalarOp, const ScalarForward&);
  void (*scalar_backward)(ScalarOp, const ScalarBackward&);
  void (*fill)(int64_t elements, float value, float* out);
};

}  // namespace tessera
