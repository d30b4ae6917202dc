// SPDX-License-Identifier: Apache-2.0
#include "launcher/tensorboard/histogram.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace tessera::launcher {
namespace {

void measure(std::span<const float> values, Histogram& histogram) {
  float minimum = std::numeric_limits<float>::max(), maximum = std::numeric_limits<float>::lowest();
  for (const float value : values) {
    if (!std::isfinite(value)) continue;
    minimum = std::min(minimum, value);
    maximum = std::max(maximum, value);
    ++histogram.count;
    histogram.sum += static_cast<double>(value);
    histogram.sum_of_squares += static_cast<double>(value) * static_cast<double>(value);
  }
  if (histogram.count == 0) return;
  histogram.minimum = static_cast<double>(minimum);
  histogram.maximum = static_cast<double>(maximum);
}

void sort_into_ranges(std::span<const float> values, Histogram& histogram) {
  const double width = (histogram.maximum - histogram.minimum) / static_cast<double>(kHistogramRanges);
  const double minimum = histogram.minimum, ranges_per_unit = 1.0 / width;
  std::array<int64_t, kHistogramRanges> counts{};
  for (const float value : values) {
    if (!std::isfinite(value)) continue;
    const double place = (static_cast<double>(value) - minimum) * ranges_per_unit;
    ++counts[std::min(static_cast<size_t>(place), kHistogramRanges - 1)];
  }
  histogram.counts.assign(counts.begin(), counts.end());
  for (size_t i = 1; i < kHistogramRanges; ++i) histogram.upper_limits.push_back(minimum + width * static_cast<double>(i));
  histogram.upper_limits.push_back(histogram.maximum);
}

}  // namespace

Histogram histogram_of(std::span<const float> values, double scale) {
  Histogram histogram;
  measure(values, histogram);
  if (histogram.count == 0) return histogram;
  if (histogram.maximum > histogram.minimum) {
    sort_into_ranges(values, histogram);
  } else {
    histogram.upper_limits = {histogram.maximum};
    histogram.counts = {static_cast<double>(histogram.count)};
  }
  for (double* number : {&histogram.minimum, &histogram.maximum, &histogram.sum}) *number *= scale;
  histogram.sum_of_squares *= scale * scale;
  for (double& limit : histogram.upper_limits) limit *= scale;
  return histogram;
}

}  // namespace tessera::launcher
