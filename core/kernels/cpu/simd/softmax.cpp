// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/softmax.h"

#include <cmath>

#include "core/kernels/cpu/simd/exponentials.h"

TESSERA_ISA_BEGIN
namespace {

void softmax_row(const float* x, float* y, int64_t columns) {
  const double sum = exponentials(x, row_maximum(x, columns), columns, y);
  const auto scale = static_cast<float>(1.0 / sum);
#pragma GCC ivdep
  for (int64_t i = 0; i < columns; ++i) y[i] *= scale;
}

void log_softmax_row(const float* x, float* y, int64_t columns) {
  const float largest = row_maximum(x, columns);
  const auto logarithm = static_cast<float>(std::log(exponentials(x, largest, columns, nullptr)));
#pragma GCC ivdep
  for (int64_t i = 0; i < columns; ++i) y[i] = (x[i] - largest) - logarithm;
}

void softmax_forward(const SoftmaxForward& args) {
  auto* row_function = args.logarithm ? log_softmax_row : softmax_row;
  parallel_for(args.rows, args.columns, [&](int64_t row) { row_function(args.x + row * args.columns, args.y + row * args.columns, args.columns); });
}

/// dx = y * (dy - sum(dy * y))
void softmax_row_backward(const float* y, const float* dy, float* dx, int64_t columns) {
  const auto sum = static_cast<float>(row_sum(columns, [=](auto kind, int64_t i) { return load<decltype(kind)>(dy + i) * load<decltype(kind)>(y + i); }));
#pragma GCC ivdep
  for (int64_t i = 0; i < columns; ++i) dx[i] = y[i] * (dy[i] - sum);
}

/// dx = dy - exp(y) * sum(dy)
void log_softmax_row_backward(const float* y, const float* dy, float* dx, int64_t columns) {
  const auto sum = static_cast<float>(row_sum(dy, columns));
#pragma GCC ivdep
  for (int64_t i = 0; i < columns; ++i) dx[i] = dy[i] - exp_f32(y[i]) * sum;
}

void softmax_backward(const SoftmaxBackward& args) {
  auto* row_function = args.logarithm ? log_softmax_row_backward : softmax_row_backward;
  parallel_for(args.rows, args.columns, [&](int64_t row) {
    const int64_t at = row * args.columns;
    row_function(args.y + at, args.dy + at, args.dx + at, args.columns);
  });
}

}  // namespace

SoftmaxKernels softmax_kernels() { return {softmax_forward, softmax_backward}; }

TESSERA_ISA_END
