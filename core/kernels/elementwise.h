// SPDX-License-Identifier: Apache-2.0
// Arguments and table of the elementwise kernels. All tensors of a call are dense and lie in the same memory order.
#pragma once

#include <cstdint>

#include "core/base/philox.h"

namespace tessera {

enum class UnaryOp : uint8_t { relu, tanh, sigmoid };

struct UnaryForward {
  int64_t elements;
  const float* x;
  float* y;
};

/// dx = grad(y, dy): the derivatives of all UnaryOps follow from their outputs.
struct UnaryBackward {
  int64_t elements;
  const float* y;
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

struct BinaryAdd {
  int64_t elements;
  const float* a;
  const float* b;
  float* out;  ///< may be a or b
};

struct ElementwiseKernels {
  void (*unary_forward)(UnaryOp, const UnaryForward&);
  void (*unary_backward)(UnaryOp, const UnaryBackward&);
  void (*dropout_forward)(const DropoutForward&);
  void (*dropout_backward)(const DropoutBackward&);
  void (*add)(const BinaryAdd&);
};

}  // namespace tessera
