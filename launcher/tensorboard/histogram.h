// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tessera::launcher {

/// How often values fall into ranges of equal width between the least and the greatest. TensorBoard draws 30 of its own.
struct Histogram {
  double minimum = 0.0, maximum = 0.0;
  int64_t count = 0;  ///< of finite values; others are left out
  double sum = 0.0, sum_of_squares = 0.0;
  std::vector<double> upper_limits;  ///< of the ranges, ascending
  std::vector<double> counts;        ///< in each
};

inline constexpr size_t kHistogramRanges = 64;

/// Of `values` times `scale`, which is positive. Two passes. Equal values are one range.
Histogram histogram_of(std::span<const float> values, double scale = 1.0);

}  // namespace tessera::launcher
