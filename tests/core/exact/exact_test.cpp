// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "core/exact/exact_scalar.h"
#include "core/exact/gradient_grid.h"
#include "core/kernels/kernels.h"

namespace tessera {
namespace {

std::vector<double> awkward_numbers() {
  std::mt19937_64 random(7);
  std::vector<double> numbers;
  for (int i = 0; i < 3000; ++i) {
    const double mantissa = static_cast<double>(static_cast<int64_t>(random())) * 0x1.0p-63;
    numbers.push_back(std::ldexp(mantissa, static_cast<int>(random() % 300) - 150));
  }
  return numbers;
}

TEST(ExactScalar, OrderAndGroupingDoNotShow) {
  std::vector<double> numbers = awkward_numbers();
  ExactScalar forward;
  for (double number : numbers) forward.add(number);
  std::mt19937 random(3);
  for (int trial = 0; trial < 5; ++trial) {
    std::shuffle(numbers.begin(), numbers.end(), random);
    ExactScalar parts[4], total;
    for (size_t i = 0; i < numbers.size(); ++i) parts[random() % 4].add(numbers[i]);
    for (const ExactScalar& part : parts) total.merge(part);
    EXPECT_EQ(std::bit_cast<uint64_t>(total.value()), std::bit_cast<uint64_t>(forward.value()));
  }
}

TEST(ExactScalar, CancelsWhereFloatingPointCannot) {
  ExactScalar sum;
  for (double value : {1e30, 1.0, -1e30, 0x1.0p-60}) sum.add(value);
  EXPECT_EQ(sum.value(), 1.0 + 0x1.0p-60);
  ExactScalar negative;
  negative.add(-3.5);
  negative.add(0.25);
  EXPECT_EQ(negative.value(), -3.25);
}

TEST(ExactScalar, NotFiniteShowsInTheSum) {
  ExactScalar sum;
  sum.add(1.0);
  sum.add(std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(sum.value()));
}

std::vector<uint32_t> bits(std::initializer_list<float> values) {
  std::vector<uint32_t> out;
  for (float value : values) out.push_back(std::bit_cast<uint32_t>(value));
  return out;
}

TEST(GradientGrid, FollowsTheMaximumAndJudgesSteps) {
  GradientGrid grid(2, 64);
  EXPECT_EQ(grid.judge(bits({0.0f, 0.0f})), GridVerdict::fits);
  EXPECT_EQ(grid.judge(bits({1.0f, 0.0f})), GridVerdict::replay);
  grid.raise(bits({1.0f, 2.0f}));
  EXPECT_EQ(grid.judge(bits({1.0f, 2.0f})), GridVerdict::fits);
  EXPECT_EQ(grid.judge(bits({65536.0f, 2.0f})), GridVerdict::fits);  // 16 bits of headroom
  EXPECT_EQ(grid.judge(bits({65537.0f, 2.0f})), GridVerdict::replay);
  EXPECT_EQ(grid.judge(bits({std::numeric_limits<float>::quiet_NaN(), 0.0f})), GridVerdict::not_finite);
  grid.follow(bits({0.1f, 8.0f}));
  EXPECT_EQ(grid.maxima().data<float>()[0], 0.5f);  // falls by at most half
  EXPECT_EQ(grid.maxima().data<float>()[1], 8.0f);  // rises at once
}

TEST(GradientGrid, KeepsThirtyTwoBitsBelowTheMaximumForAnyNumberOfQuanta) {
  for (int64_t quanta : {2, 3, 64, 1000, 32768}) {
    GradientGrid grid(1, quanta);
    grid.raise(bits({1.0f}));
    EXPECT_GE(grid.scale(0), 0x1.0p32) << quanta;
  }
}

class Rounding : public testing::Test {
 protected:
  static std::vector<float> gradients(size_t count, float scale) {
    std::mt19937 random(11);
    std::normal_distribution<float> normal(0.0f, scale);
    std::vector<float> values(count);
    for (float& value : values) value = normal(random);
    return values;
  }
  const SummationKernels& kernels_ = kernels_for(Device::cpu).summation;
};

TEST_F(Rounding, EqualsRoundingInLongDoubleAlsoOutsideTheFastRange) {
  for (const double scale : {0x1.0p40, 0x1.0p57, 0x1.0p-3, 0x1.0p61}) {
    for (const size_t count : {1u, 7u, 1023u, 5000u}) {
      const std::vector<float> values = gradients(count, 0.1f);
      std::vector<int64_t> sums(count, -1);
      kernels_.round_to_grid({static_cast<int64_t>(count), scale, true, values.data(), sums.data()});
      for (size_t i = 0; i < count; ++i) {
        ASSERT_EQ(sums[i], static_cast<int64_t>(std::rint(static_cast<long double>(values[i]) * static_cast<long double>(scale))));
      }
    }
  }
}

TEST_F(Rounding, SumsInAnyOrderAndReportsTheLargestMagnitude) {
  std::vector<std::vector<float>> quanta;
  for (float scale : {0.1f, 3.0f, 0.004f, 1.0f}) quanta.push_back(gradients(4097, scale));
  std::vector<size_t> order = {0, 1, 2, 3};
  std::vector<int64_t> first_sums;
  do {
    std::vector<int64_t> sums(4097);
    uint32_t largest = 0;
    for (size_t k = 0; k < 4; ++k) {
      largest = std::max(largest, kernels_.round_to_grid({4097, 0x1.0p40, k == 0, quanta[order[k]].data(), sums.data()}));
    }
    float expected = 0.0f;
    for (const auto& values : quanta)
      for (float value : values) expected = std::max(expected, std::fabs(value));
    ASSERT_EQ(std::bit_cast<float>(largest), expected);
    if (first_sums.empty()) first_sums = sums;
    ASSERT_EQ(sums, first_sums);
  } while (std::next_permutation(order.begin(), order.end()));
  std::vector<float> back(4097);
  kernels_.grid_to_float({4097, 0x1.0p-40, first_sums.data(), back.data()});
  for (size_t i = 0; i < back.size(); ++i) {
    double exact = 0.0;
    for (const auto& values : quanta) exact += static_cast<double>(values[i]);
    ASSERT_NEAR(static_cast<double>(back[i]), exact, 1e-6 * std::fabs(exact) + 4 * 0x1.0p-40);
  }
}

std::vector<uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<uint32_t> bits;
  for (const float value : values) bits.push_back(std::bit_cast<uint32_t>(value));
  return bits;
}

TEST_F(Rounding, SumOnGridIsRoundingSummingAndConverting) {
  // Inside and outside the fast range; a grid as coarse as the terms, with ties and zeros of either sign; scales that f32 does not hold.
  for (const double scale : {0x1.0p40, 0x1.0p57, 0x1.0p4, 0x1.0p1, 0x1.0p-3, 0x1.0p-140, 0x1.0p120, 0x1.0p150, 0.0}) {
    for (const size_t count : {1u, 1023u, 5000u}) {
      for (const int64_t term_count : {1, 2, 3}) {
        const float unit = scale > 0x1.0p100 ? static_cast<float>(0x1.0p45 / scale) : 1.0f;
        std::vector<std::vector<float>> terms;
        for (float size : {0.1f, 3.0f, 0.004f}) terms.push_back(gradients(count, size * unit));
        for (size_t i = 0; i + 3 < count; i += 7) terms[0][i] = 0.25f, terms[1][i] = -0.25f, terms[1][i + 1] = -terms[0][i + 1], terms[0][i + 3] = 0x1.0p-140f;
        std::vector<const float*> pointers;
        std::vector<int64_t> sums(count);
        uint32_t largest = 0;
        const auto elements = static_cast<int64_t>(count);
        for (int64_t k = 0; k < term_count; ++k) {
          pointers.push_back(terms[static_cast<size_t>(k)].data());
          largest = std::max(largest, kernels_.round_to_grid({elements, scale, k == 0, pointers.back(), sums.data()}));
        }
        const double inverse_scale = scale > 0.0 ? 1.0 / scale : 0.0;
        std::vector<float> expected(count);
        kernels_.grid_to_float({elements, inverse_scale, sums.data(), expected.data()});
        ASSERT_EQ(kernels_.sum_on_grid({elements, scale, inverse_scale, term_count, pointers.data(), terms[0].data()}), largest);
        ASSERT_EQ(bits_of(terms[0]), bits_of(expected)) << term_count << " terms, scale " << scale;
      }
    }
  }
}

TEST_F(Rounding, ConvertsEveryIntegerAsTheProcessorDoes) {
  std::mt19937_64 random(5);
  std::vector<int64_t> sums = {0, 1, -1, std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min(), (int64_t{1} << 53) + 1};
  for (int i = 0; i < 5000; ++i) sums.push_back(static_cast<int64_t>(random()) >> (random() % 64));
  std::vector<float> out(sums.size());
  kernels_.grid_to_float({static_cast<int64_t>(sums.size()), 0x1.0p-40, sums.data(), out.data()});
  for (size_t i = 0; i < sums.size(); ++i) ASSERT_EQ(out[i], static_cast<float>(static_cast<double>(sums[i]) * 0x1.0p-40)) << sums[i];
}

TEST_F(Rounding, NotANumberIsReported) {
  std::vector<float> values(2000, 1.0f);
  values[1500] = std::numeric_limits<float>::quiet_NaN();
  std::vector<int64_t> sums(2000);
  EXPECT_GT(kernels_.round_to_grid({2000, 0x1.0p40, true, values.data(), sums.data()}), 0x7f800000u);
  EXPECT_TRUE(std::isnan(kernels_.sum_of_squares(2000, values.data())));
}

}  // namespace
}  // namespace tessera
