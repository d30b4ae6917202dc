// SPDX-License-Identifier: Apache-2.0
// Reductions over dims that are neighbours in memory.
#pragma once

#include <cstdint>

namespace tessera {

/// y[outer, middle, inner] = scale * sum of x[outer, repeats, middle, size, inner] over repeats and size: in f64, over fixed blocks whatever the number of
/// threads, and rounded once.
struct SumReduction {
  int64_t outer, repeats, middle, size, inner;
  double scale;
  const float* x;
  float* y;
};

/// The largest (or smallest) of x[outer, size, inner] along the dim in the middle and its place in 0..size-1; the first of equals. NaN counts as larger (smaller) than everything. size is at least 1.
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
