// SPDX-License-Identifier: Apache-2.0
#include "launcher/tensorboard/histogram.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace tessera::launcher {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(Histogram, EveryValueIsInTheRangeThatHoldsIt) {
  std::vector<float> values;
  for (int i = 0; i < 1000; ++i) values.push_back(static_cast<float>(std::sin(i) * 3.0));
  const Histogram histogram = histogram_of(values);
  ASSERT_EQ(histogram.counts.size(), kHistogramRanges);
  EXPECT_EQ(histogram.upper_limits.back(), histogram.maximum);
  double lower = -std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < kHistogramRanges; ++i) {
    // A value on the border may be on either side, by rounding.
    double inside = 0.0;
    for (const float value : values) inside += static_cast<double>(value) > lower && static_cast<double>(value) <= histogram.upper_limits[i] ? 1.0 : 0.0;
    EXPECT_NEAR(histogram.counts[i], inside, 1.0) << i;
    lower = histogram.upper_limits[i];
  }
  double sum = 0.0, squares = 0.0;
  for (const float value : values) {
    sum += static_cast<double>(value);
    squares += static_cast<double>(value) * static_cast<double>(value);
  }
  EXPECT_EQ(histogram.sum, sum);
  EXPECT_EQ(histogram.sum_of_squares, squares);
}

TEST(Histogram, TheScaleIsOfTheValues) {
  const float values[] = {-2.0f, 6.0f};
  const Histogram histogram = histogram_of(values, 0.5);
  EXPECT_EQ(histogram.minimum, -1.0);
  EXPECT_EQ(histogram.maximum, 3.0);
  EXPECT_EQ(histogram.sum, 2.0);
  EXPECT_EQ(histogram.sum_of_squares, 10.0);
  EXPECT_EQ(histogram.upper_limits[0], -1.0 + 4.0 / 64);
  EXPECT_EQ(histogram.counts[0], 1.0);
  EXPECT_EQ(histogram.counts[63], 1.0);
}

TEST(Histogram, EqualValuesNoValuesAndInfiniteOnes) {
  const float equal[] = {0.25f, 0.25f, 0.25f};
  EXPECT_EQ(histogram_of(equal).counts, std::vector<double>{3.0});
  EXPECT_EQ(histogram_of(equal).upper_limits, std::vector<double>{0.25});
  EXPECT_EQ(histogram_of({}).count, 0);
  const float mixed[] = {1.0f, kInfinity, -kInfinity, NAN, 2.0f};
  const Histogram histogram = histogram_of(mixed);
  EXPECT_EQ(histogram.count, 2);
  EXPECT_EQ(histogram.maximum, 2.0);
  const float none[] = {NAN};
  EXPECT_EQ(histogram_of(none).count, 0);
  const float far[] = {-std::numeric_limits<float>::max(), std::numeric_limits<float>::max(), 1e-40f, 0.0f};
  EXPECT_EQ(histogram_of(far).counts[32], 2.0);
}

}  // namespace
}  // namespace tessera::launcher
