// SPDX-License-Identifier: Apache-2.0
// Checks of keys against each other and against what this build can do. For resolve.cpp.
#pragma once

#include "core/config/resolve.h"

namespace tessera::config {

/// More quanta a step than this would leave the exact sum too few bits: 63 less 16 of headroom and 32 of resolution.
inline constexpr int64_t kMaxExactQuanta = 32768;

/// Throws Error(usage) that names both keys and the fix.
void check_recipe(const Resolved& resolved);

}  // namespace tessera::config
