// SPDX-License-Identifier: Apache-2.0
// A row stays in the first cache while its sums are taken and its result is written.
#include <cmath>

#include "core/kernels/cpu/simd/row.h"
#include "core/kernels/cpu/simd/row_norm.h"
#include "core/kernels/normalisation.h"

TESSERA_ISA_BEGIN
namespace {

void forward_row(const LayerNormForward& args, int64_t row) {
  const int64_t columns = args.columns;
  const float* x = normalised_row(args, row);
  const auto count = static_cast<double>(columns);
  const auto mean = static_cast<float>(row_sum(x, columns) / count);
  const double squares = row_sum(columns, [=](auto kind, int64_t i) {
    const auto deviation = load<decltype(kind)>(x + i) - mean;
    return deviation * deviation;
  });
  const auto inverse = static_cast<float>(1.0 / std::sqrt(squares / count + static_cast<double>(args.epsilon)));
  args.mean[row] = mean;
  args.inverse_deviation[row] = inverse;
  const float *weight = args.weight, *bias = args.bias;
  float* y = args.y + row * columns;
#pragma GCC ivdep
  for (int64_t i = 0; i < columns; ++i) y[i] = (x[i] - mean) * inverse * weight[i] + bias[i];
}

/// dx of a row; its terms of the parameters' gradients are added to `dweight` and `dbias`.
void backward_row(const LayerNormBackward& args, int64_t row, float* dweight, float* dbias) {
  const int64_t columns = args.columns;
  const float *x = args.x + row * columns, *dy = args.dy + row * columns, *weight = args.weight;
  const float* received = args.received ? args.received + row * columns : nullptr;
  const float mean = args.mean[row], inverse = args.inverse_deviation[row];
  const double sum = row_sum(columns, [=](auto kind, int64_t i) { return load<decltype(kind)>(dy + i) * load<decltype(kind)>(weight + i); });
  const double product = row_sum(columns, [=](auto kind, int64_t i) {
    using Value = decltype(kind);
    return load<Value>(dy + i) * load<Value>(weight + i) * (load<Value>(x + i) - mean);
  });
  const auto count = static_cast<double>(columns);
  const double scale = static_cast<double>(inverse);
  const auto offset = static_cast<float>(scale * sum / count);
  const auto slope = static_cast<float>(scale * scale * scale * product / count);
  float* dx = args.dx + row * columns;
#pragma GCC ivdep
  for (int64_t i = 0; i < columns; ++i) {
    const float deviation = x[i] - mean;
    const float own = dy[i] * weight[i] * inverse - deviation * slope - offset;
    dx[i] = received ? received[i] + own : own;
    dweight[i] += dy[i] * (deviation * inverse);
    dbias[i] += dy[i];
  }
}

}  // namespace

void layer_norm_forward(const LayerNormForward& args) {
  parallel_for(args.rows, args.columns, [&](int64_t row) { forward_row(args, row); });
}

void layer_norm_backward(const LayerNormBackward& args) {
  for_blocks_of_rows(args, 2, [&](int64_t row, float* sums) { backward_row(args, row, sums, sums + args.columns); });
  sum_of_blocks(args, 2, 0, args.dweight);
  sum_of_blocks(args, 2, 1, args.dbias);
}

TESSERA_ISA_END
