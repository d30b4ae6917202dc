// SPDX-License-Identifier: Apache-2.0
// Reductions of x[outer, size, inner] over the dim in the middle.
#pragma once

#include <cstdint>

namespace tessera {

/// y[outer, inner] = scale * sum of x. Sums run in f32 over fixed blocks and in f64 over the blocks, whatever the number of threads.
struct SumReduction {
  int64_t outer, size, inner;
  double scale;
  const float* x;
  float* y;
};

/// The largest (or smallest) and its place in 0..size-1; the first of equals. NaN counts as larger (smaller) than everything. size is at least 1.
struct ExtremumReduction {
  int64_t outer, size, inner;
  bool largest;
  const float* x;
  float* y;
  int32_t* place;
};

/// dx = dy at the extremum's place, 0 elsewhere.
struct ExtremumBackward {
  int64_t outer, size, inner;
  const int32_t* place;
  const float* dy;
  float* dx;
};

struct ReductionKernels {
  void (*sum)(const SumReduction&);
  void (*extremum)(const ExtremumReduction&);
  void (*extremum_backward)(const ExtremumBackward&);
};

}  // namespace tessera
