// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace tessera::cpu::direct {

/// to[column][row] = from[row][column].
void transpose(int64_t rows, int64_t columns, const float* from, float* to);

}  // namespace tessera::cpu::direct
