// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/autograd/variable.h"

namespace tessera::ops {

using autograd::Variable;

/// [N, ...] -> [N, product of the rest], in logical (row-major) order: a channels-last image is copied to [C, H, W] order, so that
/// the weights of the linear layer behind it mean the same as in other frameworks.
Variable flatten(const Variable& x);

}  // namespace tessera::ops
