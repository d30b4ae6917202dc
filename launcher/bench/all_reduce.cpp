// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "launcher/bench/bench.h"

namespace tessera::launcher::bench {
namespace {

using distributed::ReadyEvent, distributed::ReduceOp;

constexpr const char* kCaller = "bench";
constexpr int64_t kMessages_bytes[] = {4 << 10, 64 << 10, 1 << 20, 16 << 20, 64 << 20};  // of f32 gradients
constexpr int kFewestExchanges = 3, kMostRounds = 2000;

/// A bucket as training synchronises it where ranks have several quanta: int64 sums to their owners, who convert and share them.
struct Exact {
  Exact(distributed::Runtime& runtime, size_t elements)
      : world(runtime.world()), offsets(distributed::even_offsets(elements, world.size(), 16)), sums(elements, 3), block(world.allocate(elements * sizeof(float))),
        values(reinterpret_cast<float*>(block.get()), elements) {}

  void operator()() {
    const auto rank = static_cast<size_t>(world.rank());
    const size_t begin = offsets[rank], count = offsets[rank + 1] - begin;
    const std::span<int64_t> mine = std::span(sums).subspan(begin, count);
    const std::span<float> my_values = values.subspan(begin, count);
    const distributed::Work reduced = world.reduce_scatter(sums, mine, offsets, ReduceOp::sum, ReadyEvent::now(), kCaller);
    const ReadyEvent converted = reduced.then([mine, my_values] {
      for (size_t i = 0; i < mine.size(); ++i) my_values[i] = static_cast<float>(mine[i]) * 0x1p-20f;
    });
    world.all_gather(my_values, values, offsets, converted, kCaller).wait();
  }

  distributed::Communicator& world;
  std::vector<size_t> offsets;
  std::vector<int64_t> sums;
  std::shared_ptr<std::byte> block;
  std::span<float> values;
};

/// The library's sum in f32.
struct Fastest {
  Fastest(distributed::Runtime& runtime, size_t elements) : world(runtime.world()), values(elements, 0.0f) {}
  void operator()() { world.all_reduce(values, values, ReduceOp::sum, ReadyEvent::now(), kCaller).wait(); }

  distributed::Communicator& world;
  std::vector<float> values;
};

/// Of the slowest rank; the same on all.
double round_s(distributed::Runtime& runtime, const std::function<void()>& call) {
  runtime.world().barrier(ReadyEvent::now(), kCaller).wait();
  const auto start = std::chrono::steady_clock::now();
  call();
  std::vector<double> elapsed_s = {std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()};
  runtime.world().all_reduce(elapsed_s, elapsed_s, ReduceOp::max, ReadyEvent::now(), kCaller).wait();
  return elapsed_s[0];
}

Timing measure_on_all(distributed::Runtime& runtime, double seconds, const std::function<void()>& call) {
  round_s(runtime, call);
  const double rounds = std::ceil(seconds / std::max(round_s(runtime, call), 1e-9));
  std::vector<double> times_s;
  for (int round = 0; round < std::clamp(static_cast<int>(std::min(rounds, 1e6)), kFewestExchanges, kMostRounds); ++round) {
    times_s.push_back(round_s(runtime, call));
  }
  std::sort(times_s.begin(), times_s.end());
  return {times_s[times_s.size() / 2], times_s.front()};
}

std::string name_of(bool exact, int64_t message_bytes, int ranks) {
  const std::string size = message_bytes < 1 << 20 ? fmt::format("{} KiB", message_bytes >> 10) : fmt::format("{} MiB", message_bytes >> 20);
  return fmt::format("{}, {} of f32, {} rank{}", exact ? "exact" : "fastest", size, ranks, ranks == 1 ? "" : "s");
}

/// What a rank sends at least: (n - 1) / n of the message in each of the two phases.
double sent_bytes(bool exact, int64_t message_bytes, int ranks) {
  const double share = static_cast<double>(ranks - 1) / ranks, elements = static_cast<double>(message_bytes) / sizeof(float);
  return share * elements * (exact ? sizeof(int64_t) + sizeof(float) : 2 * sizeof(float));
}

}  // namespace

std::vector<Measurement> all_reduce(const Options& options, distributed::Runtime& runtime) {
  std::vector<Measurement> measurements;
  for (const int64_t message_bytes : kMessages_bytes) {
    for (const bool exact : {true, false}) {
      const std::string name = name_of(exact, message_bytes, runtime.size());
      const auto run = [=, &runtime, seconds = options.seconds](const Limits& limits) {
        const size_t elements = static_cast<size_t>(message_bytes) / sizeof(float);
        const Timing timing = exact ? measure_on_all(runtime, seconds, Exact(runtime, elements)) : measure_on_all(runtime, seconds, Fastest(runtime, elements));
        // On one host memory is the wire; between hosts nobody knows the limit of the network.
        const bool bounded = runtime.hosts() == 1 && runtime.size() > 1;
        return Result{"all_reduce", name, timing, sent_bytes(exact, message_bytes, runtime.size()) / timing.median_s / 1e9, "GB/s sent",
                      bounded ? std::optional(limits.bytes_per_s / 1e9) : std::nullopt};
      };
      measurements.push_back({"all_reduce", name, true, run});
    }
  }
  return measurements;
}

}  // namespace tessera::launcher::bench
