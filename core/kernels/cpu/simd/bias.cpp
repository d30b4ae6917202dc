// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/cpu/simd/isa.h"
#include "core/kernels/cpu/simd/parallel.h"

TESSERA_ISA_BEGIN
namespace {

constexpr int64_t kGroupColumns = 16;  // whose sums stay in registers while the rows go by
constexpr int64_t kBlockRows = 32;  // terms of one f32 chain

/// Sums of `count` neighbouring columns; kWhole: sixteen.
template <bool kWhole>
void group_sums(int64_t rows, int64_t stride, int64_t count, const float* x, float* sums) {
  double totals[kGroupColumns] = {};
  for (int64_t begin = 0; begin < rows; begin += kBlockRows) {
    const int64_t end = begin + kBlockRows < rows ? begin + kBlockRows : rows;
    float block[kGroupColumns] = {};
    for (int64_t row = begin; row < end; ++row) {
      const float* from = x + row * stride;
#pragma GCC ivdep
      for (int64_t c = 0; c < (kWhole ? kGroupColumns : count); ++c) block[c] += from[c];
    }
    for (int64_t c = 0; c < kGroupColumns; ++c) totals[c] += static_cast<double>(block[c]);
  }
  for (int64_t c = 0; c < count; ++c) sums[c] = static_cast<float>(totals[c]);
}

}  // namespace

void add_bias(int64_t rows, int64_t columns, const float* bias, float* out) {
  parallel_for(rows, columns, [&](int64_t row) {
    float* to = out + row * columns;
#pragma GCC ivdep
    for (int64_t column = 0; column < columns; ++column) to[column] += bias[column];
  });
}

void column_sums(const ColumnSums& args) {
  const int64_t groups = (args.columns + kGroupColumns - 1) / kGroupColumns;
  parallel_for(groups, args.rows * kGroupColumns, [&](int64_t group) {
    const int64_t first = group * kGroupColumns, left = args.columns - first;
    if (left >= kGroupColumns) {
      group_sums<true>(args.rows, args.columns, kGroupColumns, args.x + first, args.sums + first);
    } else {
      group_sums<false>(args.rows, args.columns, left, args.x + first, args.sums + first);
    }
  });
}

TESSERA_ISA_END
