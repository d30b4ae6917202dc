// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "core/kernels/cpu/simd/row.h"
#include "core/kernels/cpu/simd/row_norm.h"
#include "core/kernels/normalisation.h"

TESSERA_ISA_BEGIN
namespace {

void forward_row(const RmsNormForward& args, int64_t row) {
  const int64_t columns = args.columns;
  const float* x = normalised_row(args, row);
  const double squares = row_sum(columns, [=](auto kind, int64_t i) { return load<decltype(kind)>(x + i) * load<decltype(kind)>(x + i); });
  const auto inverse = static_cast<float>(1.0 / std::sqrt(squares / static_cast<double>(columns) + static_cast<double>(args.epsilon)));
  args.inverse_root[row] = inverse;
  const float* weight = args.weight;
  float* y = args.y + row * columns;
#pragma GCC ivdep
  for (int64_t i = 0; i < columns; ++i) y[i] = x[i] * inverse * weight[i];
}

/// dx of a row; its terms of the weight's gradient are added to `dweight`.
void backward_row(const RmsNormBackward& args, int64_t row, float* dweight) {
  const int64_t columns = args.columns;
  const float *x = args.x + row * columns, *dy = args.dy + row * columns, *weight = args.weight;
  const float* received = args.received ? args.received + row * columns : nullptr;
  const double product = row_sum(columns, [=](auto kind, int64_t i) {
    using Value = decltype(kind);
    return load<Value>(dy + i) * load<Value>(weight + i) * load<Value>(x + i);
  });
  const float inverse = args.inverse_root[row];
  const double scale = static_cast<double>(inverse);
  const auto slope = static_cast<float>(scale * scale * scale * product / static_cast<double>(columns));
  float* dx = args.dx + row * columns;
#pragma GCC ivdep
  for (int64_t i = 0; i < columns; ++i) {
    const float own = dy[i] * weight[i] * inverse - x[i] * slope;
    dx[i] = received ? received[i] + own : own;
    dweight[i] += dy[i] * (x[i] * inverse);
  }
}

}  // namespace

void rms_norm_forward(const RmsNormForward& args) {
  parallel_for(args.rows, args.columns, [&](int64_t row) { forward_row(args, row); });
}

void rms_norm_backward(const RmsNormBackward& args) {
  for_blocks_of_rows(args, 1, [&](int64_t row, float* dweight) { backward_row(args, row, dweight); });
  sum_of_blocks(args, 1, 0, args.dweight);
}

TESSERA_ISA_END
