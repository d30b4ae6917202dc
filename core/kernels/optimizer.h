// SPDX-License-Identifier: Apache-2.0
// Optimizer updates: one pass over a range of the flat buffers each. `gradient_scale` (clipping over the sum of weights) multiplies the summed
// gradient first; an element's result does not depend on its place in the range.
#pragma once

#include <cstdint>

namespace tessera {

/// Stochastic gradient descent as in PyTorch: g += decay * p; m = momentum * m + g; p -= rate * (nesterov ? g + momentum * m : m).
struct SgdUpdate {
  int64_t elements;
  float learning_rate, momentum, weight_decay, gradient_scale;
  bool nesterov;
  const float* gradient;
  float* parameter;
  float* velocity;  ///< nullptr where momentum is 0
};

/// AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019).
struct AdamWUpdate {
  int64_t elements;
  float learning_rate, beta1, beta2, epsilon, weight_decay, gradient_scale;
  float correction1, correction2_root;  ///< 1 - beta1^t and sqrt(1 - beta2^t)
  const float* gradient;
  float* parameter;
  float* first_moment;
  float* second_moment;
};

struct OptimizerKernels {
  void (*sgd)(const SgdUpdate&);
  void (*adamw)(const AdamWUpdate&);
};

}  // namespace tessera
