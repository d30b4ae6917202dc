// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/philox.h"
#include "core/kernels/cpu/simd/isa.h"

TESSERA_ISA_BEGIN
namespace {

/// Philox for many consecutive blocks at once, the counter of block b being (b with `use` in its top 16 bits; quantum; step): the counters differ in one
/// word only, so the rounds vectorise.
template <int64_t kBlocks>
inline void philox_blocks(RandomKey key, uint64_t first_block, uint32_t use, uint32_t quantum, uint32_t step, uint32_t (&out)[4][kBlocks]) {
  for (int64_t lane = 0; lane < kBlocks; ++lane) {
    const uint64_t block = first_block + static_cast<uint64_t>(lane);
    const PhiloxBlock random =
        philox4x32(key, {static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32) | (use << 16), quantum, step});
    for (size_t word = 0; word < 4; ++word) out[word][lane] = random[word];
  }
}

}  // namespace
TESSERA_ISA_END
