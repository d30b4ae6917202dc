// SPDX-License-Identifier: Apache-2.0
#include "core/optim/schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/base/error.h"
#include "core/config/yaml.h"

namespace tessera::optim {
namespace {

/// As a recipe would make it, from the text of its `schedule` block.
std::unique_ptr<Schedule> schedule_of(const std::string& text, int64_t total_steps) {
  config::KindBlock block;
  block.node = config::parse_yaml(text, "test", true);
  block.kind = block.node.find("kind")->text();
  return make_schedule(block, total_steps);
}

std::vector<double> factors(const Schedule& schedule, int64_t steps) {
  std::vector<double> all;
  for (int64_t step = 0; step < steps; ++step) all.push_back(schedule.factor(step));
  return all;
}

TEST(Schedule, ConstantIsOneFromTheFirstStep) {
  EXPECT_EQ(factors(*schedule_of("{kind: constant}", 3), 3), (std::vector<double>{1, 1, 1}));
}

TEST(Schedule, WarmUpEndsAtTheFullRateOnItsLastStep) {
  EXPECT_EQ(factors(*schedule_of("{kind: constant, warmup_steps: 4}", 6), 6), (std::vector<double>{0.25, 0.5, 0.75, 1, 1, 1}));
  EXPECT_EQ(factors(*schedule_of("{kind: constant, warmup_steps: 1}", 2), 2), (std::vector<double>{1, 1}));
}

TEST(Schedule, CosineFallsFromOneToTheFinalFactor) {
  const auto schedule = schedule_of("{kind: cosine, final_factor: 0.2}", 100);
  EXPECT_EQ(schedule->factor(0), 1.0);
  EXPECT_NEAR(schedule->factor(25), 0.2 + 0.8 * (0.5 + 0.25 * std::sqrt(2.0)), 1e-15);
  EXPECT_NEAR(schedule->factor(50), 0.6, 1e-15);
  EXPECT_NEAR(schedule->factor(100), 0.2, 1e-15);
  for (int64_t step = 1; step < 100; ++step) EXPECT_LT(schedule->factor(step), schedule->factor(step - 1)) << step;
}

TEST(Schedule, CosineStartsWhereTheWarmUpEnds) {
  const auto schedule = schedule_of("{kind: cosine, warmup_steps: 10}", 30);
  EXPECT_EQ(schedule->factor(0), 0.1);
  EXPECT_EQ(schedule->factor(9), 1.0);
  EXPECT_EQ(schedule->factor(10), 1.0);
  EXPECT_LT(schedule->factor(11), 1.0);
  EXPECT_NEAR(schedule->factor(20), 0.5, 1e-15);
  EXPECT_GT(schedule->factor(29), 0.0);
}

TEST(Schedule, ARunOfWarmUpOnlyIsPossible) {
  EXPECT_EQ(factors(*schedule_of("{kind: cosine, warmup_steps: 2}", 2), 2), (std::vector<double>{0.5, 1}));
  EXPECT_EQ(schedule_of("{kind: cosine}", 1)->factor(0), 1.0);
}

TEST(Schedule, AWarmUpLongerThanTrainingIsAnError) {
  for (const char* text : {"{kind: constant, warmup_steps: 11}", "{kind: cosine, warmup_steps: 11}"}) {
    EXPECT_NO_THROW(schedule_of(text, 11));
    EXPECT_THROW(schedule_of(text, 10), Error);
  }
}

}  // namespace
}  // namespace tessera::optim
