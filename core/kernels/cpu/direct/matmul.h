// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/kernels/matmul.h"

namespace tessera::cpu::direct {

/// Whether matmul() below is the faster one; it takes no larger products.
bool is_small(const Matmul& args);

void matmul(const Matmul& args);

}  // namespace tessera::cpu::direct
