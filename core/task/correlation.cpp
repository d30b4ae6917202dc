// SPDX-License-Identifier: Apache-2.0
#include "core/task/correlation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/base/error.h"

namespace tessera {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double mean_of(std::span<const double> x) { return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size()); }

}  // namespace

double pearson(std::span<const double> x, std::span<const double> y) {
  TESSERA_ASSERT(x.size() == y.size(), "series of different lengths");
  if (x.size() < 2) return kNone;
  const double x_mean = mean_of(x), y_mean = mean_of(y);
  double xx = 0.0, yy = 0.0, xy = 0.0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double dx = x[i] - x_mean, dy = y[i] - y_mean;
    xx += dx * dx, yy += dy * dy, xy += dx * dy;
  }
  if (xx == 0.0 || yy == 0.0) return kNone;
  return std::clamp(xy / std::sqrt(xx * yy), -1.0, 1.0);
}

std::vector<double> mean_ranks(std::span<const double> x) {
  std::vector<double> ranks(x.size(), kNone);
  if (std::ranges::any_of(x, [](double value) { return std::isnan(value); })) return ranks;
  std::vector<size_t> order(x.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, [&](size_t a, size_t b) { return x[a] < x[b]; });
  for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && x[order[end]] == x[order[begin]]) ++end;
    const double rank = 0.5 * static_cast<double>(begin + 1 + end);
    for (size_t i = begin; i < end; ++i) ranks[order[i]] = rank;
  }
  return ranks;
}

double spearman(std::span<const double> x, std::span<const double> y) { return pearson(mean_ranks(x), mean_ranks(y)); }

}  // namespace tessera
