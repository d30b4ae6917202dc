// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "distributed/affinity.h"
#include "distributed/agreement.h"
#include "distributed/core_rotation.h"
#include "distributed/local_communicator.h"
#include "distributed/runtime.h"

namespace tessera::distributed {
namespace {

std::string message_of(const std::function<void()>& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Event, CallsBackOnceAndRemembersItsError) {
  const Completion completion;
  int calls = 0;
  completion.event().on_finished([&](const std::exception_ptr&) { ++calls; });
  EXPECT_FALSE(completion.event().test());
  completion.fail(std::make_exception_ptr(Error(ErrorKind::data, "broken")));
  completion.set();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(message_of([&] { completion.event().wait(); }), "broken");
  completion.event().on_finished([&](const std::exception_ptr& error) { calls += error != nullptr; });
  EXPECT_EQ(calls, 2);
}

TEST(Event, WaitsForAnotherThreadAndForADeadline) {
  const Completion completion;
  EXPECT_EQ(message_of([&] { completion.event().wait(Deadline::in_s(0.01)); }), "an event was not ready within 0.0 s");
  std::thread setter([&] { completion.set(); });
  completion.event().wait();
  setter.join();
  EXPECT_TRUE(ReadyEvent::now().test());
}

TEST(Event, AllOfSeveralAreReadyWithTheLastOrFailWithTheFirst) {
  EXPECT_TRUE(all_of({}).test());
  const std::vector<Completion> parts(3);
  const auto all = [&] { return all_of({parts[0].event(), parts[1].event(), ReadyEvent::now(), parts[2].event()}); };
  const ReadyEvent ready = all();
  parts[2].set();
  parts[0].set();
  EXPECT_FALSE(ready.test());
  const ReadyEvent late = all();
  parts[1].set();
  ready.wait();
  late.wait();

  const Completion open, broken;
  const ReadyEvent failed = all_of({open.event(), broken.event()});
  broken.fail(std::make_exception_ptr(Error(ErrorKind::data, "broken")));
  EXPECT_EQ(message_of([&] { failed.wait(); }), "broken");
  open.set();
  EXPECT_EQ(message_of([&] { failed.wait(); }), "broken");
}

TEST(Local, CollectivesCopy) {
  Runtime runtime;
  ASSERT_EQ(runtime.size(), 1) << "this test runs without mpirun";
  Communicator& world = runtime.world();
  const std::vector<float> in{1, 2, 3};
  const std::vector<size_t> offsets{0, 3};
  std::vector<float> out(3);
  world.all_reduce(in, out, ReduceOp::sum, ReadyEvent::now(), "test").wait();
  EXPECT_EQ(out, in);
  out.assign(3, 0);
  world.reduce_scatter(in, out, offsets, ReduceOp::sum, ReadyEvent::now(), "test").wait();
  EXPECT_EQ(out, in);
  out.assign(3, 0);
  world
      .reduce_scatter(in, offsets, [&](size_t first, size_t elements, std::span<const float* const> terms) { std::copy_n(terms[0], elements, &out[first]); },
                      ReadyEvent::now(), "test")
      .wait();
  EXPECT_EQ(out, in);
  out.assign(3, 0);
  world.all_gather(in, out, offsets, ReadyEvent::now(), "test").wait();
  EXPECT_EQ(out, in);
  out.assign(3, 0);
  world.all_to_all(in, offsets, out, offsets, ReadyEvent::now(), "test").wait();
  EXPECT_EQ(out, in);
  world.broadcast(out, 0, ReadyEvent::now(), "test").wait();
  EXPECT_EQ(out, in);
  world.barrier(ReadyEvent::now(), "test").wait();
  EXPECT_EQ(world.split(-1, 0, "none"), nullptr);
  EXPECT_EQ(world.split(0, 0, "shard")->name(), "shard");
}

TEST(Local, ChainsRunWhenTheirEventsAreReady) {
  Runtime runtime;
  const std::vector<size_t> offsets{0, 2};
  std::vector<int64_t> sums{5, 7};
  std::vector<float> values(2);
  const Completion filled;
  const Work reduced = runtime.world().reduce_scatter(sums, sums, offsets, ReduceOp::sum, filled.event(), "bucket");
  const ReadyEvent converted = reduced.then([&] { values = {static_cast<float>(sums[0]), static_cast<float>(sums[1])}; });
  const Work gathered = runtime.world().all_gather(values, values, offsets, converted, "bucket");
  EXPECT_FALSE(gathered.test());
  EXPECT_EQ(runtime.recorder().history().back()->state.load(), CollectiveState::queued);
  filled.set();
  gathered.wait();
  EXPECT_EQ(values, (std::vector<float>{5, 7}));
}

TEST(Local, AbandonFailsWhatDepends) {
  Runtime runtime;
  std::vector<int64_t> data{1};
  const Completion never;
  const Work work = runtime.world().all_reduce(data, data, ReduceOp::sum, never.event(), "first");
  bool ran = false;
  const ReadyEvent after = work.then([&] { ran = true; });
  work.abandon();
  EXPECT_EQ(message_of([&] { work.wait(); }), "all_reduce #1 of world (first) was abandoned");
  EXPECT_EQ(message_of([&] { after.wait(); }), "all_reduce #1 of world (first) was abandoned");
  never.set();
  EXPECT_FALSE(ran);
  EXPECT_EQ(work.record().state.load(), CollectiveState::abandoned);
}

TEST(Local, AgreesWithItself) {
  Runtime runtime;
  EXPECT_FALSE(runtime.agree(std::nullopt));
  const auto error = runtime.agree(Error(ErrorKind::checkpoint, "disk full", "/out", "free some"));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), ErrorKind::checkpoint);
  EXPECT_STREQ(error->what(), "/out: disk full; free some");
  runtime.require_same("recipe", "abc", "");
}

TEST(Pieces, EvenOffsetsCoverAllInGranules) {
  EXPECT_EQ(even_offsets(10, 3), (std::vector<size_t>{0, 3, 6, 10}));
  EXPECT_EQ(even_offsets(10, 3, 4), (std::vector<size_t>{0, 4, 8, 10}));
  EXPECT_EQ(even_offsets(0, 2), (std::vector<size_t>{0, 0, 0}));
  EXPECT_EQ(even_offsets(1, 4, 64), (std::vector<size_t>{0, 0, 0, 0, 1}));
}

TEST(Affinity, IsDescribedAndJudged) {
  EXPECT_EQ(describe({{0, 1, 2, 3, 8}, 16}), "cores 0-3,8 of 16");
  EXPECT_EQ(describe({{5}, 8}), "core 5 of 8");
  EXPECT_EQ(affinity_warning({{0, 1}, 8}, 2, 4), "");
  EXPECT_NE(affinity_warning({{0}, 8}, 2, 1).find("bound to core 0 of 8 with run.threads 2"), std::string::npos);
  EXPECT_NE(affinity_warning({{0, 1}, 2}, 1, 3).find("3 ranks of 1 threads share 2 cores"), std::string::npos);
  const Affinity here = read_affinity();
  EXPECT_GE(here.allowed.size(), 1u);
  EXPECT_GE(here.online, static_cast<int>(here.allowed.size()));
}

TEST(CoreRotation, IsAmongRanksWithCoresOfTheirOwnBehindOneCache) {
  using Host = std::vector<RankOnCores>;
  const auto processes = [](const Host& host, size_t own) {
    std::vector<pid_t> found;
    for (const RankOnCores& rank : ranks_in_turns(host, own)) found.push_back(rank.process);
    return found;
  };
  const Host two_caches = {{10, 4, {4}}, {11, 0, {0}}, {12, 0, {2}}, {13, 0, {1}}, {14, 4, {5}}, {15, -1, {3, 6}}};
  EXPECT_EQ(processes(two_caches, 0), (std::vector<pid_t>{10, 14}));
  EXPECT_EQ(processes(two_caches, 2), (std::vector<pid_t>{11, 12, 13}));
  EXPECT_EQ(processes(two_caches, 4), (std::vector<pid_t>{10, 14}));
  EXPECT_EQ(processes(two_caches, 5), std::vector<pid_t>());
  EXPECT_EQ(processes({{10, 0, {0, 1}}, {11, 0, {2, 3}}}, 1), (std::vector<pid_t>{10, 11}));
  EXPECT_EQ(processes({{10, 0, {0, 1}}, {11, 0, {1, 2}}}, 1), std::vector<pid_t>());
  EXPECT_EQ(processes({{10, 0, {0, 1}}, {11, 0, {2}}}, 0), std::vector<pid_t>());
  EXPECT_EQ(processes({{10, 0, {0}}}, 0), std::vector<pid_t>());
  EXPECT_EQ(processes({{10, 0, {0}}, {11, 1, {1}}}, 0), std::vector<pid_t>());
}

/// A process that sleeps, bound to one core.
class Sleeper {
 public:
  explicit Sleeper(int core) : process_(fork()) {
    if (process_ == 0) {
      while (true) pause();
    }
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<size_t>(core), &set);
    sched_setaffinity(process_, sizeof set, &set);
  }
  ~Sleeper() {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }
  pid_t process() const { return process_; }
  int core() const {
    cpu_set_t set;
    sched_getaffinity(process_, sizeof set, &set);
    int core = 0;
    while (!CPU_ISSET(static_cast<size_t>(core), &set)) ++core;
    return core;
  }

 private:
  pid_t process_;
};

TEST(CoreRotation, HandsCoresRoundTwiceAStepAndBackAtTheEnd) {
  const std::vector<int> allowed = read_affinity().allowed;
  if (allowed.size() < 2) GTEST_SKIP() << "needs two cores";
  const Sleeper first(allowed[0]), second(allowed[1]);
  const std::vector<RankOnCores> ranks = {{first.process(), 0, {allowed[0]}}, {second.process(), 0, {allowed[1]}}};
  ASSERT_TRUE(may_move(ranks));
  EXPECT_EQ(first.core(), allowed[0]);
  {
    CoreRotation rotation(ranks);
    rotation.begin_step();
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    EXPECT_EQ(first.core(), allowed[0]);  // how long is a step?
    std::vector<int> seen = {first.core()};
    rotation.begin_step();
    const Deadline deadline = Deadline::in_s(20.0);
    while (seen.size() < 3 && std::chrono::steady_clock::now() < deadline.at()) {
      if (first.core() != seen.back()) seen.push_back(first.core());
    }
    EXPECT_EQ(seen, (std::vector<int>{allowed[0], allowed[1], allowed[0]}));
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    rotation.begin_step();
    while (first.core() == allowed[0] && std::chrono::steady_clock::now() < deadline.at()) {
    }
    EXPECT_LT(std::chrono::steady_clock::now(), deadline.at());
  }
  EXPECT_EQ(first.core(), allowed[0]);
  EXPECT_EQ(second.core(), allowed[1]);
  EXPECT_EQ(read_affinity().allowed, allowed);
}

TEST(CoreRotation, MovesNoOtherProgram) { EXPECT_FALSE(may_move({{getppid(), 0, {0}}})); }

}  // namespace
}  // namespace tessera::distributed
