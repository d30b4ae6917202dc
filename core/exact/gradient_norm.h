// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "core/exact/exact_scalar.h"
#include "core/nn/flat_parameters.h"

namespace tessera {

/// The sum of squares of a tensor's elements: blocks of 4,096, counted from its first element, are summed in f64, and the blocks exactly. NaN where an element is
/// not finite.
ExactScalar exact_squares(Device device, const float* x, int64_t elements);

/// Whether a slot's gradient is part of the gradient norm: a parameter's that is not true in `left_out` (empty: none).
bool counts_in_norm(const nn::FlatParameters& parameters, size_t slot, const std::vector<bool>& left_out);

/// Squared two-norm of all gradients in the flat gradient buffer: the sum of their exact_squares(), so that neither padding nor the order of tensors shows.
/// Slots that are true in `left_out` (empty: none) do not count.
double squared_gradient_norm(const nn::FlatParameters& parameters, const std::vector<bool>& left_out = {});

/// Name of the first tensor with an element that is not finite; empty if all are finite.
std::string first_not_finite(const nn::FlatParameters& parameters, const Tensor& flat);

}  // namespace tessera
