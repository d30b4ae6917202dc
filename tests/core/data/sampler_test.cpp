// SPDX-License-Identifier: Apache-2.0
#include "core/data/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <numeric>
#include <vector>

namespace tessera::data {
namespace {

std::vector<int64_t> order_of(const Sampler& sampler, int64_t epoch) {
  std::vector<int64_t> order;
  for (int64_t i = 0; i < sampler.samples(); ++i) order.push_back(sampler.at(epoch, i));
  return order;
}

TEST(SequentialSampler, KeepsTheOrder) { EXPECT_EQ(order_of(SequentialSampler(3), 7), (std::vector<int64_t>{0, 1, 2})); }

TEST(PermutationSampler, EverySampleOnceAnEpoch) {
  for (int64_t samples : {1, 2, 3, 4, 5, 7, 16, 17, 64, 1000, 60000}) {
    std::vector<int64_t> order = order_of(PermutationSampler(samples, 42), 3);
    std::sort(order.begin(), order.end());
    for (int64_t i = 0; i < samples; ++i) ASSERT_EQ(order[static_cast<size_t>(i)], i) << samples;
  }
}

// The order is part of recipe schema 1: a change here changes every training run there ever was.
TEST(PermutationSampler, TheOrderOfSchema1) {
  EXPECT_EQ(order_of(PermutationSampler(10, 1), 0), (std::vector<int64_t>{0, 7, 8, 9, 6, 2, 3, 1, 5, 4}));
  EXPECT_EQ(order_of(PermutationSampler(10, 1), 1), (std::vector<int64_t>{6, 1, 2, 3, 0, 8, 4, 7, 9, 5}));
  EXPECT_EQ(PermutationSampler(int64_t{1} << 40, 1).at(0, 12345), 985543544545);
}

TEST(PermutationSampler, DiffersByEpochAndSeed) {
  const std::vector<int64_t> order = order_of(PermutationSampler(1000, 1), 0);
  for (const auto& other : {order_of(PermutationSampler(1000, 1), 1), order_of(PermutationSampler(1000, 2), 0)}) {
    int same = 0;
    for (size_t i = 0; i < order.size(); ++i) same += order[i] == other[i];
    EXPECT_LT(same, 10);  // 1 expected of random permutations
  }
}

// Each statistic is checked against five standard deviations of what a random permutation gives.
TEST(PermutationSampler, LooksRandom) {
  constexpr int64_t kSamples = 60000;
  constexpr double n = kSamples;
  for (int64_t epoch = 0; epoch < 5; ++epoch) {
    const std::vector<int64_t> order = order_of(PermutationSampler(kSamples, 7), epoch);
    double product = 0, distance = 0;
    int64_t fixed = 0, ascents = 0;
    for (int64_t i = 0; i < kSamples; ++i) {
      const int64_t value = order[static_cast<size_t>(i)];
      product += (static_cast<double>(i) - (n - 1) / 2) * (static_cast<double>(value) - (n - 1) / 2);
      fixed += value == i;
      if (i + 1 == kSamples) break;
      const int64_t next = order[static_cast<size_t>(i + 1)];
      distance += std::abs(static_cast<double>(next - value));
      ascents += next > value;
    }
    EXPECT_LT(std::abs(product / (n * (n * n - 1) / 12)), 5 / std::sqrt(n)) << "position and value correlate";
    EXPECT_LE(fixed, 8);
    EXPECT_NEAR(static_cast<double>(ascents), n / 2, 5 * std::sqrt(n / 12));
    EXPECT_NEAR(distance / n, n / 3, 5 * n / std::sqrt(18 * n) * 1.5);
  }
}

/// Chi-square of how the values of each 64th of the positions spread over 64 buckets of values.
TEST(PermutationSampler, ValuesSpreadOverBuckets) {
  constexpr int64_t kSamples = 64 * 1024;
  constexpr size_t kBuckets = 64;
  const std::vector<int64_t> order = order_of(PermutationSampler(kSamples, 9), 0);
  std::vector<double> counts(kBuckets * kBuckets, 0.0);
  for (size_t i = 0; i < order.size(); ++i) counts[i / 1024 * kBuckets + static_cast<size_t>(order[i]) / 1024] += 1;
  double chi_square = 0;
  for (double count : counts) chi_square += (count - 16) * (count - 16) / 16;
  const double degrees = 63.0 * 63.0;
  EXPECT_NEAR(chi_square, degrees, 5 * std::sqrt(2 * degrees));
}

TEST(PermutationSampler, SmallPermutationsAreUniform) {
  std::map<std::vector<int64_t>, int> seen;
  constexpr int kDraws = 24000;
  for (int64_t epoch = 0; epoch < kDraws; ++epoch) ++seen[order_of(PermutationSampler(4, 5), epoch)];
  EXPECT_EQ(seen.size(), 24u);
  double chi_square = 0;
  for (const auto& [order, count] : seen) chi_square += (count - 1000.0) * (count - 1000.0) / 1000.0;
  EXPECT_LT(chi_square, 23 + 5 * std::sqrt(46.0));
}

}  // namespace
}  // namespace tessera::data
