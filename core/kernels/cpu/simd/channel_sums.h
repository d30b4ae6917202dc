// SPDX-License-Identifier: Apache-2.0
// Sums over the rows of sixteen channels, which stay in registers while the rows go by.
#pragma once

#include <cstdint>

#include "core/kernels/cpu/simd/isa.h"

TESSERA_ISA_BEGIN
namespace {

constexpr int64_t kChannelLanes = 16;
constexpr int64_t kBlockRows = 128;

/// Sums of two quantities of each channel, in f32 within a block of rows and in f64 over blocks. add(row offset, lane, a, b)
template <bool kFull, typename Add>
inline void two_sums(int64_t rows, int64_t count, double (&first)[kChannelLanes], double (&second)[kChannelLanes], Add add) {
  for (int64_t c = 0; c < kChannelLanes; ++c) first[c] = second[c] = 0.0;
  for (int64_t begin = 0; begin < rows; begin += kBlockRows) {
    const int64_t end = begin + kBlockRows < rows ? begin + kBlockRows : rows;
    float a[kChannelLanes] = {}, b[kChannelLanes] = {};
    for (int64_t row = begin; row < end; ++row) {
#pragma GCC ivdep
      for (int64_t c = 0; c < (kFull ? kChannelLanes : count); ++c) add(row, c, a[c], b[c]);
    }
    for (int64_t c = 0; c < kChannelLanes; ++c) {
      first[c] += static_cast<double>(a[c]);
      second[c] += static_cast<double>(b[c]);
    }
  }
}

/// sums[i] = sum over blocks of partials[block, i], in f64.
inline void sum_blocks(int64_t blocks, int64_t stride, int64_t columns, const float* partials, float* sums) {
  constexpr int64_t kColumns = 64;
  for (int64_t first = 0; first < columns; first += kColumns) {
    const int64_t count = columns - first < kColumns ? columns - first : kColumns;
    double totals[kColumns] = {};
    for (int64_t block = 0; block < blocks; ++block) {
      for (int64_t i = 0; i < count; ++i) totals[i] += static_cast<double>(partials[block * stride + first + i]);
    }
    for (int64_t i = 0; i < count; ++i) sums[first + i] = static_cast<float>(totals[i]);
  }
}

}  // namespace
TESSERA_ISA_END
