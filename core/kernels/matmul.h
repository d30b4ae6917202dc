// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace tessera {

/// Row-major out[m, n] = op(a) op(b) + bias, op(a) being [m, k] and op(b) [k, n]. Leading sizes are those of the stored matrices.
struct Matmul {
  int64_t m, n, k;
  bool transpose_a, transpose_b;
  const float* a;
  const float* b;
  float* out;
  const float* bias = nullptr;  ///< [n]; nullptr: none
};

/// sums[columns] = sum over rows of x[rows, columns], in f32 within fixed blocks of rows and in f64 over blocks.
struct ColumnSums {
  int64_t rows, columns;
  const float* x;
  float* sums;
};

struct MatmulKernels {
  void (*matmul)(const Matmul&);
  void (*column_sums)(const ColumnSums&);
};

}  // namespace tessera
