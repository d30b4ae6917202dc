// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/kernels/cpu/simd/math.h"
#include "core/kernels/cpu/simd/row.h"

TESSERA_ISA_BEGIN
namespace {

/// Sum of exp(row - largest); the terms are written to `keep` unless that is nullptr.
inline double exponentials(const float* row, float largest, int64_t count, float* keep) {
  float scratch[kRowBlock];
  double sum = 0.0;
  for (int64_t begin = 0; begin < count; begin += kRowBlock) {
    const int64_t length = begin + kRowBlock < count ? kRowBlock : count - begin;
    float* terms = keep ? keep + begin : scratch;
#pragma GCC ivdep
    for (int64_t i = 0; i < length; ++i) terms[i] = exp_f32(row[begin + i] - largest);
    sum += row_sum(terms, length);
  }
  return sum;
}

}  // namespace
TESSERA_ISA_END
