// SPDX-License-Identifier: Apache-2.0
#include "core/nn/initialiser.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/error.h"

namespace tessera::nn {
namespace {

constexpr int64_t kMany = 100'000;

std::vector<float> initialised(const Shape& shape, const Initialiser& initialiser, uint64_t seed = 1,
                               std::string_view name = "fc1.weight") {
  const Tensor tensor = Tensor::empty(shape);
  initialise(tensor, initialiser, seed, name);
  return {tensor.data<float>(), tensor.data<float>() + tensor.elements()};
}

struct Moments {
  double mean = 0.0, variance = 0.0;
};

Moments moments_of(const std::vector<float>& values) {
  Moments m;
  const auto count = static_cast<double>(values.size());
  for (const float value : values) m.mean += static_cast<double>(value) / count;
  for (const float value : values) m.variance += std::pow(static_cast<double>(value) - m.mean, 2) / count;
  return m;
}

/// Correlation of neighbours; about 1/sqrt(elements) for independent numbers.
double neighbour_correlation(const std::vector<float>& values) {
  const Moments m = moments_of(values);
  double sum = 0.0;
  for (size_t i = 0; i + 1 < values.size(); ++i)
    sum += (static_cast<double>(values[i]) - m.mean) * (static_cast<double>(values[i + 1]) - m.mean);
  return sum / m.variance / static_cast<double>(values.size());
}

TEST(Initialiser, ConstantIsConstant) {
  for (const float value : initialised({3, 7}, Initialiser::constant(-0.125f))) EXPECT_EQ(value, -0.125f);
}

TEST(Initialiser, UniformFillsItsRange) {
  const std::vector<float> values = initialised({kMany}, Initialiser::uniform(0.25f));
  const auto [lowest, highest] = std::minmax_element(values.begin(), values.end());
  EXPECT_GE(*lowest, -0.25f);
  EXPECT_LT(*highest, 0.25f);
  EXPECT_LT(*lowest, -0.2499f);
  EXPECT_GT(*highest, 0.2499f);
  const Moments m = moments_of(values);
  EXPECT_NEAR(m.mean, 0.0, 0.002);
  EXPECT_NEAR(m.variance, 0.25 * 0.25 / 3.0, 0.0003);
  EXPECT_NEAR(neighbour_correlation(values), 0.0, 0.015);
}

TEST(Initialiser, NormalHasItsMomentsAndTails) {
  const std::vector<float> values = initialised({kMany}, Initialiser::normal(0.5f));
  const Moments m = moments_of(values);
  EXPECT_NEAR(m.mean, 0.0, 0.008);
  EXPECT_NEAR(m.variance, 0.25, 0.006);
  EXPECT_NEAR(neighbour_correlation(values), 0.0, 0.015);
  const auto share_beyond = [&](float deviations) {
    const auto beyond = std::count_if(values.begin(), values.end(), [&](float value) { return std::abs(value) > deviations * 0.5f; });
    return static_cast<double>(beyond) / static_cast<double>(kMany);
  };
  EXPECT_NEAR(share_beyond(1.0f), 0.3173, 0.008);
  EXPECT_NEAR(share_beyond(2.0f), 0.0455, 0.004);
  EXPECT_NEAR(share_beyond(3.0f), 0.0027, 0.001);
}

TEST(Initialiser, FanInUniformIsBoundByTheRootOfTheFanIn) {
  const Initialiser initialiser = Initialiser::fan_in_uniform(400);
  EXPECT_EQ(initialiser.kind, Initialiser::Kind::uniform);
  EXPECT_FLOAT_EQ(initialiser.spread, 0.05f);
}

TEST(Initialiser, HeStartsHaveTheVarianceTwoOverTheFan) {
  const Shape weight{64, 8, 3, 3};  // in groups, perhaps: the fan out is of all output channels
  EXPECT_FLOAT_EQ(Initialiser::he_normal_fan_in(weight).spread, std::sqrt(2.0f / 72.0f));
  EXPECT_FLOAT_EQ(Initialiser::he_normal_fan_out(weight).spread, std::sqrt(2.0f / 576.0f));
  EXPECT_FLOAT_EQ(Initialiser::he_uniform_fan_in(weight).spread, std::sqrt(6.0f / 72.0f));
  EXPECT_FLOAT_EQ(Initialiser::he_normal_fan_out({10, 4}).spread, std::sqrt(2.0f / 10.0f));
  EXPECT_EQ(Initialiser::he_normal_fan_in(weight).kind, Initialiser::Kind::normal);
  EXPECT_EQ(Initialiser::he_uniform_fan_in(weight).kind, Initialiser::Kind::uniform);
}

TEST(Initialiser, AnElementDependsOnSeedNameAndIndexAlone) {
  for (const Initialiser& initialiser : {Initialiser::uniform(1.0f), Initialiser::normal(1.0f)}) {
    const std::vector<float> whole = initialised({1003}, initialiser);
    for (const int64_t length : {1, 2, 3, 4, 5, 7, 1002}) {
      const std::vector<float> part = initialised({length}, initialiser);
      EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin())) << length;
    }
    EXPECT_EQ(initialised({17, 59}, initialiser), whole);
    EXPECT_NE(initialised({1003}, initialiser, 2), whole);
    EXPECT_NE(initialised({1003}, initialiser, 1, "fc1.bias"), whole);
  }
}

TEST(Initialiser, RefusesTensorsItWouldFillInAnotherOrder) {
  const Tensor tensor = Tensor::zeros({4, 3});
  EXPECT_THROW(initialise(tensor.transpose(), Initialiser::uniform(1.0f), 1, "w"), Error);
  EXPECT_THROW(initialise(Tensor::zeros({4}, DType::i64), Initialiser::uniform(1.0f), 1, "w"), Error);
}

}  // namespace
}  // namespace tessera::nn
