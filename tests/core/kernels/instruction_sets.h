// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "core/kernels/cpu/direct/tile.h"
#include "core/kernels/kernels.h"

#define TESSERA_DECLARE_KERNELS(isa)   \
  namespace tessera::cpu::isa {        \
  PoolingKernels pooling_kernels();    \
  TileKernels tile_kernels();          \
  void column_sums(const ColumnSums&); \
  }
TESSERA_DECLARE_KERNELS(baseline)
TESSERA_DECLARE_KERNELS(avx2)
TESSERA_DECLARE_KERNELS(avx512)

namespace tessera::test {

struct InstructionSet {
  std::string name;
  PoolingKernels pooling;
  cpu::TileKernels tiles;
  void (*column_sums)(const ColumnSums&);
};

/// Those that this processor has.
inline std::vector<InstructionSet> instruction_sets() {
  std::vector<InstructionSet> sets = {
      {"baseline", cpu::baseline::pooling_kernels(), cpu::baseline::tile_kernels(), cpu::baseline::column_sums}};
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v3")) {
    sets.push_back({"avx2", cpu::avx2::pooling_kernels(), cpu::avx2::tile_kernels(), cpu::avx2::column_sums});
  }
  if (__builtin_cpu_supports("x86-64-v4")) {
    sets.push_back({"avx512", cpu::avx512::pooling_kernels(), cpu::avx512::tile_kernels(), cpu::avx512::column_sums});
  }
  return sets;
}

/// Numbers in [-1, 1) that repeat only after a long while.
inline std::vector<float> noise(int64_t elements, uint32_t seed) {
  std::vector<float> values(static_cast<size_t>(elements));
  uint32_t state = seed * 2654435761u + 12345u;
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(state >> 8) * 0x1p-23f - 1.0f;
  }
  return values;
}

}  // namespace tessera::test
