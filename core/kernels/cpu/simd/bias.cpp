// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/cpu/simd/isa.h"
#include "core/kernels/cpu/simd/parallel.h"

TESSERA_ISA_BEGIN

void bias_add(const BiasAdd& args) {
  parallel_for(args.rows, args.columns, [&](int64_t row) {
    float* out = args.out + row * args.columns;
    const float* bias = args.bias;
#pragma GCC ivdep
    for (int64_t column = 0; column < args.columns; ++column) out[column] += bias[column];
  });
}

void column_sums(const ColumnSums& args) {
  float* sums = args.sums;
  for (int64_t column = 0; column < args.columns; ++column) sums[column] = 0.0f;
  for (int64_t row = 0; row < args.rows; ++row) {
    const float* x = args.x + row * args.columns;
#pragma GCC ivdep
    for (int64_t column = 0; column < args.columns; ++column) sums[column] += x[column];
  }
}

TESSERA_ISA_END
