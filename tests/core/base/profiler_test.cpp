// SPDX-License-Identifier: Apache-2.0
#include "core/base/profiler.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>

namespace tessera {
namespace {

constexpr const char* kOuter = "outer";
constexpr const char* kInner = "inner";

/// Attached while it lives.
class ProfilerTest : public testing::Test {
 protected:
  ProfilerTest() { attached_profiler = &profiler_; }
  ~ProfilerTest() override { attached_profiler = nullptr; }

  int64_t duration_ns(const char* name) const {
    for (const Profiler::Event& event : profiler_.events()) {
      if (std::strcmp(event.name, name) == 0) return event.end_ns - event.begin_ns;
    }
    ADD_FAILURE() << "no event " << name;
    return 0;
  }

  Profiler profiler_{1, 2};
};

TEST_F(ProfilerTest, TimeOfAnInnerScopeIsNotCountedTwice) {
  profiler_.begin_step();
  profiler_.begin_step();  // traced
  {
    const ProfileScope outer(Phase::backward, kOuter);
    const ProfileScope inner(Phase::gradient_sum, kInner);
  }
  EXPECT_EQ(profiler_.phase_ns(Phase::gradient_sum), duration_ns(kInner));
  EXPECT_EQ(profiler_.phase_ns(Phase::backward), duration_ns(kOuter) - duration_ns(kInner));
  EXPECT_EQ(profiler_.totals(Phase::backward).at(kOuter).calls, 1);
}

TEST_F(ProfilerTest, KernelsCountInTheirOpsAndOnTheirOwn) {
  profiler_.begin_step();
  profiler_.begin_step();
  {
    const ProfileScope outer(Phase::backward, kOuter);
    const ProfileScope kernel(HotKernel::gemm);
  }
  EXPECT_EQ(profiler_.phase_ns(Phase::backward), duration_ns(kOuter));
  EXPECT_EQ(profiler_.total(HotKernel::gemm, Phase::backward).ns, duration_ns("gemm"));
  EXPECT_EQ(profiler_.total(HotKernel::gemm, Phase::forward).calls, 0);
  EXPECT_EQ(profiler_.total(HotKernel::convolution, Phase::backward).calls, 0);
}

TEST_F(ProfilerTest, MarksDivideAScope) {
  profiler_.begin_step();
  profiler_.begin_step();
  {
    const ProfileScope outer(Phase::forward, kOuter);
    profiler_.mark("first");
    profiler_.mark("second");
    profiler_.mark("first");
  }
  const auto& totals = profiler_.totals(Phase::forward);
  EXPECT_EQ(totals.at("first").calls, 2);
  EXPECT_EQ(totals.at("second").calls, 1);
  EXPECT_EQ(profiler_.phase_ns(Phase::forward), duration_ns(kOuter)) << "marks and what is left are the whole";
}

TEST_F(ProfilerTest, TheTraceCoversItsStepsAndTheTotalsAll) {
  for (int step = 0; step < 5; ++step) {
    profiler_.begin_step();
    const ProfileScope scope(Phase::none, "step");
  }
  EXPECT_EQ(profiler_.steps(), 5);
  EXPECT_EQ(profiler_.events().size(), 2u);
  EXPECT_EQ(profiler_.totals(Phase::none).at("step").calls, 5);
}

TEST_F(ProfilerTest, TheTraceIsBounded) {
  profiler_.begin_step();
  profiler_.begin_step();
  for (size_t i = 0; i < Profiler::kMostEvents + 10; ++i) const ProfileScope scope(Phase::none, "step");
  EXPECT_EQ(profiler_.events().size(), Profiler::kMostEvents);
}

TEST_F(ProfilerTest, OtherThreadsAreNotMeasured) {
  std::thread([] { const ProfileScope scope(Phase::forward, kOuter); }).join();
  EXPECT_TRUE(profiler_.totals(Phase::forward).empty());
}

TEST_F(ProfilerTest, AMarkOutsideOfAnyScopeIsIgnored) {
  profiler_.mark("first");
  for (size_t phase = 0; phase < kPhases; ++phase) EXPECT_TRUE(profiler_.totals(static_cast<Phase>(phase)).empty());
}

}  // namespace
}  // namespace tessera
