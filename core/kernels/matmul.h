// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace tessera {

/// Row-major out[m, n] = op(a) op(b), op(a) being [m, k] and op(b) [k, n]. Leading sizes are those of the stored matrices.
struct Matmul {
  int64_t m, n, k;
  bool transpose_a, transpose_b;
  const float* a;
  const float* b;
  float* out;
};

/// out[rows, columns] += bias[columns], in place.
struct BiasAdd {
  int64_t rows, columns;
  const float* bias;
  float* out;
};

/// sums[columns] = sum over rows of x[rows, columns], rows added in ascending order.
struct ColumnSums {
  int64_t rows, columns;
  const float* x;
  float* sums;
};

struct MatmulKernels {
  void (*matmul)(const Matmul&);
  void (*bias_add)(const BiasAdd&);
  void (*column_sums)(const ColumnSums&);
};

}  // namespace tessera
