// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/base/activity.h"
#include "launcher/bench/bench.h"

namespace tessera::launcher::bench {
namespace {

constexpr double kShortest_s = 50e-6;  // of what is timed in one go: calls that are shorter are timed several at a time
constexpr size_t kFewestRounds = 3;

double seconds_of(int64_t calls, const std::function<void()>& call) {
  tick_activity();
  const auto start = std::chrono::steady_clock::now();
  for (int64_t i = 0; i < calls; ++i) call();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / static_cast<double>(calls);
}

}  // namespace

Timing measure(double seconds, const std::function<void()>& call) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  call();
  const double one_s = seconds_of(1, call);
  const int64_t calls = one_s < kShortest_s ? static_cast<int64_t>(std::ceil(kShortest_s / std::max(one_s, 1e-9))) : 1;
  std::vector<double> times_s;
  while (times_s.size() < kFewestRounds || std::chrono::steady_clock::now() < end) times_s.push_back(seconds_of(calls, call));
  std::sort(times_s.begin(), times_s.end());
  return {times_s[times_s.size() / 2], times_s.front()};
}

double Limits::floor_s(double flops, double data_bytes) const {
  const double arithmetic_s = flops / flops_per_s;
  return data_bytes > static_cast<double>(cache_bytes) ? std::max(arithmetic_s, data_bytes / bytes_per_s) : arithmetic_s;
}

Limits measure_limits(int threads, double seconds) {
  Limits limits;
  limits.flops_per_s = peak_flops_per_s(threads, seconds);
  for (const MemoryLoop loop : {MemoryLoop::copy, MemoryLoop::triad}) {
    limits.bytes_per_s = std::max(limits.bytes_per_s, measure_memory(loop, threads, seconds).rate * 1e9);
  }
  limits.cache_bytes = last_level_cache_bytes();
  return limits;
}

int64_t last_level_cache_bytes() {
  int64_t largest = 0;
  for (const int level : {_SC_LEVEL2_CACHE_SIZE, _SC_LEVEL3_CACHE_SIZE, _SC_LEVEL4_CACHE_SIZE}) largest = std::max(largest, int64_t{sysconf(level)});
  return largest;
}

}  // namespace tessera::launcher::bench
