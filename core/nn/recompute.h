// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "core/nn/module.h"

namespace tessera::nn {

using BlockPass = std::function<Variable(const Variable&, ForwardContext&)>;

/// pass(x), of which only x is kept: backward runs it again, with the same random numbers, and so gets the same bits (Chen et al., "Training deep nets with sublinear
/// memory cost", 2016). `leaves`: of all parameters that the pass uses.
Variable recompute(BlockPass pass, const Variable& x, std::vector<std::shared_ptr<autograd::Leaf>> leaves, ForwardContext& context);

}  // namespace tessera::nn
