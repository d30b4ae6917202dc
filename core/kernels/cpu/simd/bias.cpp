// SPDX-License-Identifier: Apache-2.0
// What stands beside the products of linear layers: biases, activations, and sums of columns, for which rows are read in the order in which they lie in memory.
#include "core/kernels/cpu/simd/activations.h"
#include "core/kernels/cpu/simd/isa.h"
#include "core/kernels/cpu/simd/parallel.h"

TESSERA_ISA_BEGIN
namespace {

constexpr int64_t kPieceColumns = 512;  // whose sums stay in the first cache while the rows go by
constexpr int64_t kGroupColumns = 16;
constexpr int64_t kBlockRows = 32;  // terms of one f32 chain

/// sums[column] = sum over rows of term(row * columns + column), in f32 within a block of rows and in f64 over blocks.
template <typename Term>
inline void sum_columns(int64_t rows, int64_t columns, float* sums, Term term) {
  const int64_t groups = (columns + kGroupColumns - 1) / kGroupColumns, threads = omp_get_max_threads();
  const int64_t fair = (groups + threads - 1) / threads * kGroupColumns, size = fair < kPieceColumns ? fair : kPieceColumns;
  if (columns == 0) return;
  parallel_for((columns + size - 1) / size, rows * size, [&](int64_t piece) {
    const int64_t first = piece * size, count = columns - first < size ? columns - first : size;
    double totals[kPieceColumns] = {};
    for (int64_t begin = 0; begin < rows; begin += kBlockRows) {
      const int64_t end = begin + kBlockRows < rows ? begin + kBlockRows : rows;
      float block[kPieceColumns] = {};
      for (int64_t row = begin; row < end; ++row) {
        const int64_t at = row * columns + first;
#pragma GCC ivdep
        for (int64_t c = 0; c < count; ++c) block[c] += term(at + c);
      }
      for (int64_t c = 0; c < count; ++c) totals[c] += static_cast<double>(block[c]);
    }
    for (int64_t c = 0; c < count; ++c) sums[first + c] = static_cast<float>(totals[c]);
  });
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
  const float* x = args.x;
  sum_columns(args.rows, args.columns, args.sums, [x](int64_t i) __attribute__((always_inline)) { return x[i]; });
}

void bias_activation(const BiasActivation& args) {
  with_functor(args.op, [&](auto functor) {
    parallel_for(args.rows, args.columns, [&](int64_t row) {
      const float* bias = args.bias;
      float *z = args.z + row * args.columns, *y = args.y + row * args.columns;
#pragma GCC ivdep
      for (int64_t column = 0; column < args.columns; ++column) {
        const float value = z[column] + bias[column];
        z[column] = value;
        y[column] = decltype(functor)::value(value, {});
      }
    });
  });
}

void bias_activation_backward(const BiasActivationBackward& args) {
  with_functor(args.op, [&](auto functor) {
    const float *saved = args.saved, *dy = args.dy;
    float* dz = args.dz;
    sum_columns(args.rows, args.columns, args.dbias, [=](int64_t i) __attribute__((always_inline)) {
      const float gradient = decltype(functor)::grad(saved[i], dy[i], {});
      dz[i] = gradient;
      return gradient;
    });
  });
}

TESSERA_ISA_END
