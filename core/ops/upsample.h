// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/autograd/variable.h"

namespace tessera::ops {

using autograd::Variable;

/// x [N, C, H, W] -> [N, C, factor * H, factor * W], every pixel repeated; channels-last. factor >= 1.
Variable upsample_nearest2d(const Variable& x, int64_t factor);

}  // namespace tessera::ops
