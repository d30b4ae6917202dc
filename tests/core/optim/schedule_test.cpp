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

TEST(Schedule, StepDropsEverySoManySteps) {
  EXPECT_EQ(factors(*schedule_of("{kind: step, every_steps: 2, gamma: 0.5}", 6), 6), (std::vector<double>{1, 1, 0.5, 0.5, 0.25, 0.25}));
  EXPECT_EQ(factors(*schedule_of("{kind: step, every_steps: 3, gamma: 0.5, warmup_steps: 2}", 5), 5), (std::vector<double>{0.5, 1, 1, 0.5, 0.5}));
}

TEST(Schedule, MultiStepDropsAtItsMilestones) {
  const auto schedule = schedule_of("{kind: multi_step, milestone_steps: [2, 3, 5], gamma: 0.5}", 7);
  EXPECT_EQ(factors(*schedule, 7), (std::vector<double>{1, 1, 0.5, 0.25, 0.25, 0.125, 0.125}));
  const auto he2015 = schedule_of("{kind: multi_step, milestone_steps: [32000, 48000], warmup_steps: 400}", 64000);
  EXPECT_EQ(he2015->factor(0), 1.0 / 400.0);
  EXPECT_EQ(he2015->factor(399), 1.0);
  EXPECT_EQ(he2015->factor(31999), 1.0);
  EXPECT_EQ(he2015->factor(32000), 0.1);
  EXPECT_NEAR(he2015->factor(48000), 0.01, 1e-17);
  for (const int64_t steps : {4, 100, 64000}) {  // shares follow the length of training
    const auto shares = schedule_of("{kind: multi_step, milestone_shares: [0.5, 0.75]}", steps);
    EXPECT_EQ(shares->factor(steps / 2 - 1), 1.0);
    EXPECT_EQ(shares->factor(steps / 2), 0.1);
    EXPECT_NEAR(shares->factor(steps * 3 / 4), 0.01, 1e-17);
  }
}

/// A drop within the warm-up: both apply.
TEST(Schedule, TheWarmUpRisesToWhatTheDropsLeave) {
  const auto schedule = schedule_of("{kind: multi_step, milestone_steps: [2], gamma: 0.5, warmup_steps: 4}", 6);
  EXPECT_EQ(factors(*schedule, 6), (std::vector<double>{0.25, 0.5, 0.375, 0.5, 0.5, 0.5}));
}

TEST(Schedule, PolynomialIsAPowerOfWhatRemains) {
  EXPECT_EQ(factors(*schedule_of("{kind: polynomial}", 4), 4), (std::vector<double>{1, 0.75, 0.5, 0.25}));
  const auto schedule = schedule_of("{kind: polynomial, power: 2, final_factor: 0.2, warmup_steps: 2}", 6);
  const std::vector<double> expected{0.5, 1, 1, 0.2 + 0.8 * 0.5625, 0.2 + 0.8 * 0.25, 0.2 + 0.8 * 0.0625};
  for (int64_t step = 0; step < 6; ++step) EXPECT_NEAR(schedule->factor(step), expected[static_cast<size_t>(step)], 1e-15) << step;
}

TEST(Schedule, ExponentialFallsByAFactorAStep) {
  EXPECT_EQ(factors(*schedule_of("{kind: exponential, gamma: 0.5, warmup_steps: 2}", 5), 5), (std::vector<double>{0.5, 1, 1, 0.5, 0.25}));
}

/// The corners as PyTorch defines them, which are no whole steps where pct_start * total is not.
TEST(Schedule, OneCycleRisesAndFalls) {
  const auto schedule = schedule_of("{kind: one_cycle, pct_start: 0.3, div_factor: 4, final_div_factor: 10}", 10);
  EXPECT_NEAR(schedule->factor(0), 0.25, 1e-15);
  EXPECT_NEAR(schedule->factor(1), 0.625, 1e-15);  // half way to step 2
  EXPECT_NEAR(schedule->factor(2), 1.0, 1e-15);
  EXPECT_NEAR(schedule->factor(9), 0.025, 1e-15);
  EXPECT_NEAR(schedule->factor(5), 0.025 + 0.975 * 0.5 * (1.0 + std::cos(3.0 / 7.0 * 3.14159265358979323846)), 1e-15);
  const auto linear = schedule_of("{kind: one_cycle, pct_start: 0.25, div_factor: 4, final_div_factor: 10, anneal: linear}", 10);
  EXPECT_NEAR(linear->factor(1), 0.25 + 0.75 / 1.5, 1e-15);
  EXPECT_NEAR(linear->factor(2), 1.0 - 0.975 * 0.5 / 7.5, 1e-15);
  EXPECT_NEAR(linear->factor(9), 0.025, 1e-15);
}

TEST(Schedule, OneCycleInThreePhases) {
  const auto schedule = schedule_of("{kind: one_cycle, pct_start: 0.3, div_factor: 4, final_div_factor: 10, anneal: linear, three_phase: true}", 10);
  const std::vector<double> expected{0.25, 0.625, 1, 0.625, 0.25, 0.205, 0.16, 0.115, 0.07, 0.025};
  for (int64_t step = 0; step < 10; ++step) EXPECT_NEAR(schedule->factor(step), expected[static_cast<size_t>(step)], 1e-15) << step;
}

void expect_refused(const std::string& text, int64_t total_steps, const std::string& part) {
  try {
    schedule_of(text, total_steps);
    ADD_FAILURE() << text << " was accepted for " << total_steps << " steps";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

TEST(Schedule, LongerOrShorterThanTrainingIsAnError) {
  expect_refused("{kind: step, every_steps: 10}", 10, "test: schedule.every_steps is 10, but training has 10 steps");
  EXPECT_NO_THROW(schedule_of("{kind: step, every_steps: 9}", 10));
  expect_refused("{kind: multi_step, milestone_steps: [5, 10]}", 10, "schedule.milestone_steps has milestone 10, but training has 10 steps");
  EXPECT_NO_THROW(schedule_of("{kind: multi_step, milestone_steps: [5, 9]}", 10));
  for (const char* kind : {"cosine", "polynomial", "one_cycle"}) {
    const std::string text = std::string("{kind: ") + kind + ", total_steps: 100}";
    EXPECT_NO_THROW(schedule_of(text, 100)) << kind;
    expect_refused(text, 99, "schedule.total_steps is 100, but training has 99 steps");
    expect_refused(text, 101, "schedule.total_steps");
  }
  expect_refused("{kind: one_cycle, pct_start: 0.3}", 3, "test: schedule.pct_start is 0.3, no room to rise, but training has 3 steps");
  EXPECT_NO_THROW(schedule_of("{kind: one_cycle, pct_start: 0.3}", 4));
}

/// Line 2 of a recipe has the schedule's length, and training is given in steps or epochs.
std::string refusal_for(const config::TrainConfig& length) {
  config::KindBlock block;
  block.node = config::parse_yaml("kind: cosine\ntotal_steps: 100\n", "x.yaml");
  block.kind = "cosine";
  try {
    make_schedule(block, 90, length);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Schedule, BothKeysAndTheLineAreNamed) {
  config::TrainConfig epochs, steps;
  epochs.epochs = 3;
  steps.steps = 90;
  EXPECT_EQ(refusal_for(epochs).rfind("x.yaml:2: schedule.total_steps is 100, but train.epochs is 3, which makes 90 steps; ", 0), 0u) << refusal_for(epochs);
  EXPECT_EQ(refusal_for(steps).rfind("x.yaml:2: schedule.total_steps is 100, but train.steps is 90; ", 0), 0u) << refusal_for(steps);
}

TEST(Schedule, KeysThatMakeNoSense) {
  expect_refused("{kind: multi_step}", 10, "schedule.milestone_steps and schedule.milestone_shares are not given");
  expect_refused("{kind: multi_step, milestone_steps: [2], milestone_shares: [0.5]}", 10, "both given");
  expect_refused("{kind: multi_step, milestone_shares: [0.5, 0.2]}", 10, "schedule.milestone_shares do not ascend");
  expect_refused("{kind: multi_step, milestone_shares: [1]}", 10, "milestone_shares");
  expect_refused("{kind: multi_step, milestone_steps: [3, 3]}", 10, "ascend");
  expect_refused("{kind: multi_step, milestone_steps: [4, 3]}", 10, "ascend");
  expect_refused("{kind: one_cycle, pct_start: 0.6, three_phase: true}", 10, "at most 0.5");
  expect_refused("{kind: step}", 10, "every_steps' is missing");
}

TEST(Schedule, EveryKindIsMadeAndStaysFinite) {
  config::KindRegistry registry;
  register_schedules(registry);
  EXPECT_EQ(registry.list("schedule").size(), 7u);
  for (const auto* kind : registry.list("schedule")) {
    const auto schedule = schedule_of("{kind: " + kind->name + ", every_steps: 3, milestone_steps: [3], gamma: 0.5}", 10);
    for (const double factor : factors(*schedule, 10)) {
      EXPECT_GT(factor, 0.0) << kind->name;
      EXPECT_LE(factor, 1.0) << kind->name;
    }
  }
}

TEST(Schedule, AWarmUpLongerThanTrainingIsAnError) {
  for (const char* text : {"{kind: constant, warmup_steps: 11}", "{kind: cosine, warmup_steps: 11}", "{kind: polynomial, warmup_steps: 11}",
                           "{kind: exponential, gamma: 0.9, warmup_steps: 11}", "{kind: step, every_steps: 5, warmup_steps: 11}",
                           "{kind: multi_step, milestone_steps: [5], warmup_steps: 11}"}) {
    EXPECT_NO_THROW(schedule_of(text, 11));
    EXPECT_THROW(schedule_of(text, 10), Error);
  }
}

}  // namespace
}  // namespace tessera::optim
