// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace tessera {

/// y[outer, k, inner] = x[outer, indices[k], inner], x being [outer, size, inner]. Indices are in 0..size-1.
struct GatherForward {
  int64_t outer, size, inner, count;
  const int64_t* indices;  ///< [count]
  const float* x;
  float* y;
};

/// dx[outer, indices[k], inner] += dy[outer, k, inner] in ascending k, from zero.
struct GatherBackward {
  int64_t outer, size, inner, count;
  const int64_t* indices;
  const float* dy;
  float* dx;
};

struct GatherKernels {
  void (*forward)(const GatherForward&);
  void (*backward)(const GatherBackward&);
};

}  // namespace tessera
