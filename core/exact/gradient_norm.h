// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "core/nn/flat_parameters.h"

namespace tessera {

/// Squared two-norm of all gradients in the flat gradient buffer, summed exactly from blocks of 4,096 elements that start at each tensor's first
/// element, so that neither padding nor the order of tensors shows. NaN where a gradient is not finite.
double squared_gradient_norm(const nn::FlatParameters& parameters);

/// Name of the first tensor with an element that is not finite; empty if all are finite.
std::string first_not_finite(const nn::FlatParameters& parameters, const Tensor& flat);

}  // namespace tessera
