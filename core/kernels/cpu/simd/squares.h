// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "core/kernels/cpu/simd/isa.h"

TESSERA_ISA_BEGIN
namespace {

/// In f64 and fixed lanes: the same bits for every instruction set.
inline double sum_of_squares(int64_t elements, const float* x) {
  constexpr int64_t kLanes = 16;
  double lanes[kLanes] = {};
  const int64_t whole = elements / kLanes * kLanes;
  for (int64_t i = 0; i < whole; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const double value = static_cast<double>(x[i + lane]);
      lanes[lane] += value * value;
    }
  }
  for (int64_t i = whole; i < elements; ++i) {
    const double value = static_cast<double>(x[i]);
    lanes[i - whole] += value * value;
  }
  double total = 0.0;
  for (double lane : lanes) total += lane;
  return total;
}

}  // namespace
TESSERA_ISA_END
