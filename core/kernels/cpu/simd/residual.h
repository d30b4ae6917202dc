// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "core/kernels/cpu/simd/isa.h"

TESSERA_ISA_BEGIN
namespace {

/// The row that a normalisation with a residual works on: x itself, or x + residual, which is kept.
template <typename Forward>
inline const float* normalised_row(const Forward& args, int64_t row) {
  const int64_t begin = row * args.columns;
  if (!args.residual) return args.x + begin;
  const float *x = args.x + begin, *residual = args.residual + begin;
  float* sum = args.sum + begin;
#pragma GCC ivdep
  for (int64_t i = 0; i < args.columns; ++i) sum[i] = x[i] + residual[i];
  return sum;
}

}  // namespace
TESSERA_ISA_END
