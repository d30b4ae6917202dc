// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "core/autograd/variable.h"
#include "core/base/philox.h"

namespace tessera::ops {

using autograd::Variable;

/// max(x, 0); any shape, dense.
Variable relu(const Variable& x);
/// min(max(x, 0), 6); any shape, dense (Howard 2017).
Variable relu6(const Variable& x);
/// tanh(x); any shape, dense.
Variable tanh(const Variable& x);
/// 1 / (1 + exp(-x)); any shape, dense.
Variable sigmoid(const Variable& x);

/// x where x > 0, slope * x elsewhere; any shape, dense; slope >= 0 (Maas, Hannun, Ng, ICML 2013).
Variable leaky_relu(const Variable& x, double slope = 0.01);
/// x * P(X < x) of a standard normal X; any shape, dense (Hendrycks and Gimpel 2016).
Variable gelu(const Variable& x);
/// x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2: GELU as GPT-2 computes it.
Variable gelu_tanh(const Variable& x);
/// x / (1 + exp(-x)); any shape, dense.
Variable silu(const Variable& x);
/// log(1 + exp(beta * x)) / beta, and x itself where beta * x > threshold; any shape, dense; beta > 0.
Variable softplus(const Variable& x, double beta = 1.0, double threshold = 20.0);

/// silu(gate) * x of two inputs of the same shape (Shazeer 2020).
Variable swiglu(const Variable& gate, const Variable& x);

/// Which random numbers a dropout draws: a function of recipe and data position alone.
struct DropoutKey {
  RandomKey key;
  uint32_t step = 0, quantum = 0, use = 0;
};

/// Zeroes each element with `probability` in [0, 1) and scales the others by 1 / (1 - probability) (Srivastava 2014).
Variable dropout(const Variable& x, float probability, const DropoutKey& key);

}  // namespace tessera::ops
