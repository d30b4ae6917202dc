// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "core/tensor/tensor.h"

namespace tessera::ops {

/// What the factors of matrix products and convolutions are rounded to. Products are summed in f32 and results stay f32, as is everything else: norms, softmax,
/// losses, reductions, gradients, the optimizer. Numbers of bf16 lie in f32 memory, so that the meaning is the same on every processor.
enum class Precision : uint8_t { f32, bf16 };

/// "f32" or "bf16" (the recipe's precision.compute); anything else throws Error(usage).
Precision precision_from(std::string_view name);

/// A dense f32 tensor as a factor: itself in f32; in bf16 a copy, rounded to nearest, ties to even.
Tensor rounded(const Tensor& tensor, Precision precision);
/// The same into memory that is there: `out` is of the tensor's shape and memory order.
void round_into(const Tensor& tensor, Precision precision, const Tensor& out);

}  // namespace tessera::ops
