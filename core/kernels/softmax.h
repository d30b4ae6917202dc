// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace tessera {

/// y = exp(x - m) / sum(exp(x - m)) of each row of [rows, columns], m being its maximum; or the logarithm of that.
struct SoftmaxForward {
  int64_t rows, columns;
  bool logarithm;
  const float* x;
  float* y;
};

struct SoftmaxBackward {
  int64_t rows, columns;
  bool logarithm;
  const float* y;
  const float* dy;
  float* dx;
};

struct SoftmaxKernels {
  void (*forward)(const SoftmaxForward&);
  void (*backward)(const SoftmaxBackward&);
};

}  // namespace tessera
