// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "core/kernels/elementwise.h"
#include "core/tensor/shape.h"

namespace tessera {

/// Row-major out[m, n] = op(a) op(b) + bias, or added to what is there; op(a) being [m, k] and op(b) [k, n]. Leading sizes are those of the stored matrices.
struct Matmul {
  int64_t m, n, k;
  bool transpose_a, transpose_b;
  const float* a;
  const float* b;
  float* out;
  const float* bias = nullptr;  ///< [n]; nullptr: none
  bool add = false;             ///< out += the product
};

/// Stacks of matrices a [.., m, k], b [.., k, n] and out [.., m, n], of equally many dims; key of the primitive cache. A leading dim of size 1 is repeated as often
/// as the other input has it. Of the last two strides of a and b one is 1, the other at least as large as the dim it jumps over.
struct BatchedMatmulGeometry {
  Shape a, a_strides;
  Shape b, b_strides;
  Shape out;  ///< row-major

  bool operator==(const BatchedMatmulGeometry&) const = default;
};

struct BatchedMatmul {
  BatchedMatmulGeometry geometry;
  const float* a;
  const float* b;
  float* out;
};

/// sums[columns] = sum over rows of x[rows, columns], in f32 within fixed blocks of rows and in f64 over blocks.
struct ColumnSums {
  int64_t rows, columns;
  const float* x;
  float* sums;
};

/// What a linear layer does behind its product [rows, columns], in one pass: z = product + bias, y = op(z).
struct BiasActivation {
  int64_t rows, columns;
  UnaryOp op;
  const float* bias;  ///< [columns]
  float* z;           ///< in: the product
  float* y;           ///< may be z, where the derivative is computed from y
};

/// dz from dy, and the gradient of the bias, its column sums, in one pass; summed as ColumnSums.
struct BiasActivationBackward {
  int64_t rows, columns;
  UnaryOp op;
  const float* saved;  ///< z or y: derivative_needs_input
  const float* dy;
  float* dz;
  float* dbias;  ///< [columns]
};

struct MatmulKernels {
  void (*matmul)(const Matmul&);
  void (*batched_matmul)(const BatchedMatmul&);  ///< nothing is empty
  void (*add_bias)(int64_t rows, int64_t columns, const float* bias, float* out);  ///< out[rows, columns] += bias[columns]
  void (*column_sums)(const ColumnSums&);
  void (*bias_activation)(const BiasActivation&);
  void (*bias_activation_backward)(const BiasActivationBackward&);
};

}  // namespace tessera
