// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <set>
#include <thread>

#include "launcher/bench/bench.h"

namespace tessera::launcher::bench {
namespace {

constexpr int64_t kSmallest_bytes = int64_t{64} << 20, kLargest_bytes = int64_t{512} << 20;

/// Of one of the three arrays: together they are well beyond the last cache.
int64_t array_elements() { return std::clamp(last_level_cache_bytes(), kSmallest_bytes, kLargest_bytes) / static_cast<int64_t>(sizeof(float)); }

struct Arrays {
  explicit Arrays(int64_t count) : elements(count) {
    for (auto* array : {&a, &b, &c}) *array = std::make_unique_for_overwrite<float[]>(static_cast<size_t>(count));
  }
  int64_t elements;
  std::unique_ptr<float[]> a, b, c;
};

void fill(Arrays& arrays, int64_t begin, int64_t end) {
  for (float* array : {arrays.a.get(), arrays.b.get(), arrays.c.get()}) std::fill(array + begin, array + end, 1.0f);
}

void copy(Arrays& arrays, int64_t begin, int64_t end) {
  std::memcpy(arrays.a.get() + begin, arrays.b.get() + begin, static_cast<size_t>(end - begin) * sizeof(float));
}

void triad(Arrays& arrays, int64_t begin, int64_t end) {
  float* a = arrays.a.get();
  const float *b = arrays.b.get(), *c = arrays.c.get();
#pragma GCC ivdep
  for (int64_t i = begin; i < end; ++i) a[i] = b[i] + 3.0f * c[i];
}

/// loop(begin, end) over equal shares of the arrays, a thread each.
void on_threads(int threads, Arrays& arrays, void (*loop)(Arrays&, int64_t, int64_t)) {
  std::vector<std::jthread> others;
  const auto share = [&](int64_t thread) { loop(arrays, arrays.elements * thread / threads, arrays.elements * (thread + 1) / threads); };
  for (int thread = 1; thread < threads; ++thread) others.emplace_back(share, thread);
  share(0);
}

std::string name_of(MemoryLoop loop, int threads) {
  return fmt::format("{}, {} thread{}", loop == MemoryLoop::copy ? "copy" : "triad", threads, threads == 1 ? "" : "s");
}

}  // namespace

Result measure_memory(MemoryLoop loop, int threads, double seconds) {
  Arrays arrays(array_elements());
  on_threads(threads, arrays, fill);  // each thread's memory on its own node
  const Timing timing = measure(seconds, [&] { on_threads(threads, arrays, loop == MemoryLoop::copy ? copy : triad); });
  const double bytes = static_cast<double>(arrays.elements) * sizeof(float) * (loop == MemoryLoop::copy ? 2 : 3);
  return {"memory", name_of(loop, threads), timing, bytes / timing.median_s / 1e9, "GB/s", std::nullopt};
}

std::vector<Measurement> memory(const Options& options, int cores) {
  std::vector<Measurement> measurements;
  for (const int threads : std::set<int>{1, options.threads, cores}) {
    for (const MemoryLoop loop : {MemoryLoop::copy, MemoryLoop::triad}) {
      const auto run = [loop, threads, seconds = options.seconds](const Limits&) { return measure_memory(loop, threads, seconds); };
      measurements.push_back({"memory", name_of(loop, threads), false, run});
    }
  }
  return measurements;
}

}  // namespace tessera::launcher::bench
