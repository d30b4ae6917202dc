// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "core/kernels/cpu/simd/tables.h"

TESSERA_DECLARE_ISA(baseline)
TESSERA_DECLARE_ISA(avx2)
TESSERA_DECLARE_ISA(avx512)

namespace tessera::test {

struct InstructionSet {
  std::string name;
  ElementwiseKernels elementwise;
  LossKernels loss;
  NormalisationKernels normalisation;
  SoftmaxKernels softmax;
  ArithmeticKernels arithmetic;
  ReductionKernels reduction;
  PoolingKernels pooling;
  BinPoolingKernels bin_pooling;
  ResampleKernels resample;
  RotaryKernels rotary;
  cpu::TileKernels tiles;
  cpu::DepthwiseKernels depthwise;
  cpu::GroupedKernels grouped;
  void (*column_sums)(const ColumnSums&);
};

#define TESSERA_INSTRUCTION_SET(isa)                                                                                                          \
  InstructionSet {                                                                                                                            \
    #isa, cpu::isa::elementwise_kernels(), cpu::isa::loss_kernels(), cpu::isa::normalisation_kernels(), cpu::isa::softmax_kernels(),          \
        cpu::isa::arithmetic_kernels(), cpu::isa::reduction_kernels(), cpu::isa::pooling_kernels(), cpu::isa::bin_pooling_kernels(),          \
        cpu::isa::resample_kernels(), cpu::isa::rotary_kernels(), cpu::isa::tile_kernels(), cpu::isa::depthwise_kernels(), cpu::isa::grouped_kernels(),     \
        cpu::isa::column_sums                                                                                                                 \
  }

/// Those that this processor has; the first is the baseline.
inline std::vector<InstructionSet> instruction_sets() {
  std::vector<InstructionSet> sets = {TESSERA_INSTRUCTION_SET(baseline)};
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v3")) sets.push_back(TESSERA_INSTRUCTION_SET(avx2));
  if (__builtin_cpu_supports("x86-64-v4")) sets.push_back(TESSERA_INSTRUCTION_SET(avx512));
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
