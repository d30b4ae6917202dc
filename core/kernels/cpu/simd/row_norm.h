// SPDX-License-Identifier: Apache-2.0
// What layer and root-mean-square normalisation of rows share.
#pragma once

#include <cstdint>

#include "core/kernels/cpu/simd/channel_sums.h"
#include "core/kernels/cpu/simd/parallel.h"
#include "core/kernels/normalisation.h"

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

/// body(row, sums) over all rows, those of a block one after the other: `sums`, [vectors, columns] of args.partials, are the block's own, zeros at first.
template <typename Backward, typename Body>
inline void for_blocks_of_rows(const Backward& args, int64_t vectors, Body body) {
  const int64_t blocks = (args.rows + kRowNormBlockRows - 1) / kRowNormBlockRows;
  parallel_for(blocks, kRowNormBlockRows * args.columns, [&](int64_t block) {
    float* sums = args.partials + block * vectors * args.columns;
    __builtin_memset(sums, 0, static_cast<size_t>(vectors * args.columns) * sizeof(float));
    const int64_t begin = block * kRowNormBlockRows, end = begin + kRowNormBlockRows;
    for (int64_t row = begin; row < (end < args.rows ? end : args.rows); ++row) body(row, sums);
  });
}

/// Adds up vector `vector` of what the blocks have found.
template <typename Backward>
inline void sum_of_blocks(const Backward& args, int64_t vectors, int64_t vector, float* total) {
  const int64_t blocks = (args.rows + kRowNormBlockRows - 1) / kRowNormBlockRows;
  sum_blocks(blocks, vectors * args.columns, args.columns, args.partials + vector * args.columns, total);
}

}  // namespace
TESSERA_ISA_END
