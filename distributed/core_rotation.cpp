// SPDX-License-Identifier: Apache-2.0
#include "distributed/core_rotation.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>

#include "distributed/affinity.h"
#include "distributed/flight_recorder.h"
#include "distributed/thread.h"

namespace tessera::distributed {
namespace {

// To fill another core's caches takes up to half a millisecond; slow stretches last for several turns of a long step.
constexpr int64_t kShortestTurnNs = 50'000'000;
constexpr int64_t kTurnNs = 200'000'000;

cpu_set_t set_of(const std::vector<int>& cores) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int core : cores) CPU_SET(static_cast<size_t>(core), &set);
  return set;
}

std::vector<pid_t> threads_of(pid_t process) {
  std::vector<pid_t> threads;
  std::error_code ended;  // as processes and threads may at any moment
  for (std::filesystem::directory_iterator task(fmt::format("/proc/{}/task", process), ended); task != std::filesystem::directory_iterator(); task.increment(ended)) {
    const std::string name = task->path().filename();
    std::from_chars(name.data(), name.data() + name.size(), threads.emplace_back());
  }
  return threads;
}

// Its first core; -1 where the system does not tell.
int last_cache_of(int core) {
  for (int index = 9; index >= 0; --index) {
    std::ifstream file(fmt::format("/sys/devices/system/cpu/cpu{}/cache/index{}/shared_cpu_list", core, index));
    int first = -1;
    if (file >> first) return first;
  }
  return -1;
}

// The number may be that of another program where ranks have process numbers of their own.
bool runs_this_program(pid_t process) {
  std::error_code error;
  return std::filesystem::equivalent(fmt::format("/proc/{}/exe", process), "/proc/self/exe", error) && !error;
}

}  // namespace

RankOnCores read_own_cores() {
  RankOnCores rank{getpid(), -1, read_affinity().allowed};
  std::set<int> caches;
  for (const int core : rank.cores) caches.insert(last_cache_of(core));
  if (caches.size() == 1) rank.last_cache = *caches.begin();
  return rank;
}

std::vector<RankOnCores> ranks_in_turns(const std::vector<RankOnCores>& of_host, size_t own) {
  const RankOnCores& mine = of_host[own];
  std::vector<RankOnCores> ranks;
  std::set<int> cores;
  for (const RankOnCores& rank : of_host) {
    if (mine.last_cache < 0 || rank.last_cache != mine.last_cache) continue;
    if (rank.cores.size() != mine.cores.size()) return {};
    ranks.push_back(rank);
    cores.insert(rank.cores.begin(), rank.cores.end());
  }
  const bool disjoint = cores.size() == ranks.size() * mine.cores.size();
  return disjoint && ranks.size() > 1 ? ranks : std::vector<RankOnCores>();
}

bool may_move(const std::vector<RankOnCores>& ranks) {
  return std::all_of(ranks.begin(), ranks.end(), [&](const RankOnCores& rank) {
    if (!runs_this_program(rank.process)) return false;
    const auto move_to = [&](const RankOnCores& other) {
      const cpu_set_t set = set_of(other.cores);
      return sched_setaffinity(rank.process, sizeof set, &set) == 0;
    };
    const bool may = std::all_of(ranks.begin(), ranks.end(), move_to);
    return move_to(rank) && may;
  });
}

CoreRotation::CoreRotation(std::vector<RankOnCores> ranks)
    : ranks_(std::move(ranks)), threads_(ranks_.size()), thread_(start_thread([this] { thread_main(); })) {}

CoreRotation::~CoreRotation() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void CoreRotation::begin_step() {
  {
    const std::lock_guard lock(mutex_);
    const int64_t now_ns = steady_now_ns();
    if (steps_ > 0) length_ns_ = now_ns - begun_ns_;
    begun_ns_ = now_ns;
    ++steps_;
  }
  wake_.notify_all();
}

/// In a step like the last one.
int64_t CoreRotation::turns() const {
  const auto round = static_cast<int64_t>(ranks_.size());
  const int64_t turns = std::min(round, length_ns_ / kShortestTurnNs);
  return turns < 2 ? 0 : std::max(turns, length_ns_ / (round * kTurnNs) * round);
}

void CoreRotation::list_threads() {
  for (size_t r = 0; r < ranks_.size(); ++r) threads_[r] = threads_of(ranks_[r].process);
}

/// The threads that have the cores of a rank. Those that roam find their way around the others.
void CoreRotation::move_to(size_t places) {
  std::vector<cpu_set_t> sets;
  for (const RankOnCores& rank : ranks_) sets.push_back(set_of(rank.cores));
  for (size_t r = 0; r < ranks_.size(); ++r) {
    const cpu_set_t& to = sets[(r + places) % sets.size()];
    for (const pid_t thread : threads_[r]) {
      cpu_set_t set;
      const bool takes_turns = sched_getaffinity(thread, sizeof set, &set) == 0 &&
                               std::any_of(sets.begin(), sets.end(), [&](const cpu_set_t& cores) { return CPU_EQUAL(&set, &cores); });
      if (takes_turns) sched_setaffinity(thread, sizeof to, &to);
    }
  }
  places_ = places;
}

void CoreRotation::thread_main() {
  pthread_setname_np(pthread_self(), "tessera-cores");
  widen_affinity_of_this_thread();
  std::unique_lock lock(mutex_);
  int64_t step = 0, turn = 0;
  while (!stop_) {
    const auto interrupted = [&] { return stop_ || steps_ != step; };
    if (steps_ != step) {
      step = steps_;
      turn = 0;
    }
    if (turn == turns()) {
      wake_.wait(lock, interrupted);
      continue;
    }
    const std::chrono::steady_clock::time_point due{std::chrono::nanoseconds(begun_ns_ + turn * length_ns_ / turns())};
    if (wake_.wait_until(lock, due, interrupted)) continue;
    if (turn == 0) list_threads();
    move_to(places_ + 1);
    ++turn;
  }
  list_threads();
  move_to(0);
}

}  // namespace tessera::distributed
