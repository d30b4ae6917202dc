// SPDX-License-Identifier: Apache-2.0
// Sums over rows, of sixteen channels at a time, which stay in registers while a block of rows goes by, or of all channels of long rows.
#pragma once

#include <cstdint>

#include "core/kernels/cpu/simd/isa.h"

TESSERA_ISA_BEGIN
namespace {

constexpr int64_t kChannelLanes = 16;
constexpr int64_t kBlockRows = 16;  // few, so that gradients of batch norm stay as near to f64 as PyTorch's

/// Adds the sums of two quantities of each of `count` channels over one block of rows, in f32, to f64 ones; kFull: of kMost. Row after row, the sums in registers,
/// or of many channels in the first cache. add(row, channel, a, b)
template <int64_t kMost, bool kFull, typename Add>
inline void add_block(int64_t begin, int64_t end, int64_t count, double* first, double* second, Add add) {
  float a[kMost], b[kMost];
  for (int64_t c = 0; c < (kFull ? kMost : count); ++c) a[c] = b[c] = 0.0f;
  for (int64_t row = begin; row < end; ++row) {
#pragma GCC ivdep
    for (int64_t c = 0; c < (kFull ? kMost : count); ++c) add(row, c, a[c], b[c]);
  }
  for (int64_t c = 0; c < (kFull ? kMost : count); ++c) {
    first[c] += static_cast<double>(a[c]);
    second[c] += static_cast<double>(b[c]);
  }
}

/// Sums of two quantities of each channel, in f32 within a block of rows and in f64 over blocks. add(row offset, lane, a, b)
template <bool kFull, typename Add>
inline void two_sums(int64_t rows, int64_t count, double (&first)[kChannelLanes], double (&second)[kChannelLanes], Add add) {
  for (int64_t c = 0; c < kChannelLanes; ++c) first[c] = second[c] = 0.0;
  for (int64_t begin = 0; begin < rows; begin += kBlockRows) {
    add_block<kChannelLanes, kFull>(begin, begin + kBlockRows < rows ? begin + kBlockRows : rows, count, first, second, add);
  }
}

constexpr int64_t kMostSummedChannels = 512;

/// Adds the same of rows [begin, end) of up to kMostSummedChannels, which are read through in the order in which they lie in memory; blocks begin at multiples of
/// kBlockRows, as `begin` must. Of long rows all channels at a time: a processor does not guess the lines of one group of channels after the other.
/// add(row, channel, a, b)
template <typename Add>
inline void add_sums_of_rows(int64_t begin, int64_t end, int64_t channels, double* first, double* second, Add add) {
  constexpr int64_t kLongRow = 64;
  for (; begin < end; begin += kBlockRows) {
    const int64_t block_end = begin + kBlockRows < end ? begin + kBlockRows : end;
    if (channels > kLongRow) {
      add_block<kMostSummedChannels, false>(begin, block_end, channels, first, second, add);
      continue;
    }
    for (int64_t group = 0; group < channels; group += kChannelLanes) {
      const auto of_group = [&](int64_t row, int64_t c, float& a, float& b) __attribute__((always_inline)) { add(row, group + c, a, b); };
      if (channels - group >= kChannelLanes) {
        add_block<kChannelLanes, true>(begin, block_end, kChannelLanes, first + group, second + group, of_group);
      } else {
        add_block<kChannelLanes, false>(begin, block_end, channels - group, first + group, second + group, of_group);
      }
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
