// SPDX-License-Identifier: Apache-2.0
#include "launcher/bench/bench.h"

#include <gtest/gtest.h>

#include <set>

namespace tessera::launcher::bench {
namespace {

TEST(Limits, TheSlowerOfArithmeticAndMemoryIsTheFloor) {
  const Limits limits{100.0, 10.0, 50};
  EXPECT_DOUBLE_EQ(limits.floor_s(200.0, 60.0), 6.0);
  EXPECT_DOUBLE_EQ(limits.floor_s(2000.0, 60.0), 20.0);
}

TEST(Limits, WhatTheCacheHoldsCostsNothing) {
  const Limits limits{100.0, 10.0, 50};
  EXPECT_DOUBLE_EQ(limits.floor_s(200.0, 50.0), 2.0);
}

TEST(Measure, CallsAtLeastThreeTimesAndOrdersItsNumbers) {
  int calls = 0;
  const Timing timing = measure(0.0, [&] { ++calls; });
  EXPECT_GE(calls, 4);
  EXPECT_GE(timing.best_s, 0.0);
  EXPECT_LE(timing.best_s, timing.median_s);
}

TEST(Memory, EveryNumberOfThreadsOnce) {
  std::set<std::string> names;
  for (const Measurement& measurement : memory({.threads = 2}, 2)) EXPECT_TRUE(names.insert(measurement.name).second) << measurement.name;
  EXPECT_EQ(names, (std::set<std::string>{"copy, 1 thread", "triad, 1 thread", "copy, 2 threads", "triad, 2 threads"}));
}

TEST(Gemm, RunsWithinTheLimits) {
  const Result result = gemm({.seconds = 0.0}).front().run({1e15, 1e15, 0});
  EXPECT_GT(result.rate, 0.0);
  ASSERT_TRUE(result.limit);
  EXPECT_NEAR(*result.limit, 1e6, 1.0);  // arithmetic rules at these limits: 1e15 / s in GFLOP/s
}

}  // namespace
}  // namespace tessera::launcher::bench
