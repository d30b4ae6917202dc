// SPDX-License-Identifier: Apache-2.0
// mpirun -n N gradient_sync_bench: times the synchronisation of 25 M parameters' gradients in buckets of 25 MB of f32, and
// what waiting for a late rank costs a rank that computes.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <ctime>
#include <functional>
#include <thread>
#include <vector>

#include "core/kernels/kernels.h"
#include "distributed/runtime.h"

namespace tessera::distributed {
namespace {

constexpr size_t kParameters = 25'000'000;
constexpr size_t kBucketElements = (25 << 20) / sizeof(float);
constexpr int kRounds = 7;

double now_s() { return static_cast<double>(steady_now_ns()) * 1e-9; }

void barrier(Runtime& runtime) { runtime.world().barrier(ReadyEvent::now(), "bench").wait(); }

// Median over the rounds of the slowest rank, in milliseconds.
void report(Runtime& runtime, const char* what, const std::function<void()>& round) {
  std::vector<double> times;
  for (int k = 0; k < kRounds; ++k) {
    barrier(runtime);
    const double begin = now_s();
    round();
    std::vector<double> elapsed{now_s() - begin};
    runtime.world().all_reduce(elapsed, elapsed, ReduceOp::max, ReadyEvent::now(), "bench").wait();
    times.push_back(elapsed[0]);
  }
  std::sort(times.begin(), times.end());
  if (runtime.rank() == 0) std::printf("%-44s %8.1f ms (best %.1f)\n", what, times[kRounds / 2] * 1e3, times[0] * 1e3);
}

struct Gradients {
  explicit Gradients(Communicator& world) : block(world.allocate(kParameters * sizeof(float))), values(reinterpret_cast<float*>(block.get()), kParameters) {
    std::fill(values.begin(), values.end(), 1.0f);
  }
  std::vector<int64_t> sums = std::vector<int64_t>(kParameters, 3);
  std::shared_ptr<std::byte> block;
  std::span<float> values;
};

void exact(Runtime& runtime, Gradients& gradients) {
  Communicator& world = runtime.world();
  const auto rank = static_cast<size_t>(world.rank());
  std::vector<Work> works;
  for (size_t begin = 0; begin < kParameters; begin += kBucketElements) {
    const size_t elements = std::min(kBucketElements, kParameters - begin);
    const std::vector<size_t> offsets = even_offsets(elements, world.size(), 64);
    const std::span<int64_t> sums = std::span(gradients.sums).subspan(begin, elements);
    const std::span<float> values = gradients.values.subspan(begin, elements);
    const std::span<int64_t> my_sums = sums.subspan(offsets[rank], offsets[rank + 1] - offsets[rank]);
    const std::span<float> my_values = values.subspan(offsets[rank], my_sums.size());
    const Work reduced = world.reduce_scatter(sums, my_sums, offsets, ReduceOp::sum, ReadyEvent::now(), "bucket");
    const ReadyEvent converted = reduced.then([my_sums, my_values] {
      for (size_t i = 0; i < my_sums.size(); ++i) my_values[i] = static_cast<float>(my_sums[i]) * 0x1p-20f;
    });
    works.push_back(world.all_gather(my_values, values, offsets, converted, "bucket"));
  }
  for (const Work& work : works) work.wait();
}

// Where every rank has one quantum: what GradientSync does then, but for the norm.
void exact_terms(Runtime& runtime, Gradients& gradients) {
  Communicator& world = runtime.world();
  const auto rank = static_cast<size_t>(world.rank());
  std::vector<Work> works;
  for (size_t begin = 0; begin < kParameters; begin += kBucketElements) {
    const std::span<float> values = gradients.values.subspan(begin, std::min(kBucketElements, kParameters - begin));
    const std::vector<size_t> offsets = even_offsets(values.size(), world.size(), 16);
    const std::span<float> mine = values.subspan(offsets[rank], offsets[rank + 1] - offsets[rank]);
    const Work summed = world.reduce_scatter(values, offsets, [mine](size_t first, size_t count, std::span<const float* const> terms) {
      const SumOnGrid sum{static_cast<int64_t>(count), 0x1p20, 0x1p-20, static_cast<int64_t>(terms.size()), terms.data(), mine.data() + first};
      kernels_for(Device::cpu).summation.sum_on_grid(sum);
    }, ReadyEvent::now(), "bucket");
    works.push_back(world.all_gather(mine, values, offsets, summed.event(), "bucket"));
  }
  for (const Work& work : works) work.wait();
}

void fastest(Runtime& runtime, Gradients& gradients) {
  std::vector<Work> works;
  for (size_t begin = 0; begin < kParameters; begin += kBucketElements) {
    const std::span<float> values = gradients.values.subspan(begin, std::min(kBucketElements, kParameters - begin));
    works.push_back(runtime.world().all_reduce(values, values, ReduceOp::sum, ReadyEvent::now(), "bucket"));
  }
  for (const Work& work : works) work.wait();
}

// The same while the main thread computes, as in backward.
void exact_while_computing(Runtime& runtime, Gradients& gradients) {
  std::atomic<bool> done{false};
  std::thread sync([&] {
    exact(runtime, gradients);
    done = true;
  });
  static std::vector<float> data(8192, 1.0f);
  while (!done) {
    for (float& x : data) x = x * 0.999f + 0.001f;
  }
  sync.join();
}

double cpu_s(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// What the other threads of this process take of a core while this one computes for two seconds, in percent. CPU times
// are hardly disturbed by what else runs on the machine.
double taken_by_others_percent() {
  static std::vector<float> data(8192, 1.0f);
  const auto others = [] { return cpu_s(CLOCK_PROCESS_CPUTIME_ID) - cpu_s(CLOCK_THREAD_CPUTIME_ID); };
  const double begin = others();
  const double own = cpu_s(CLOCK_THREAD_CPUTIME_ID);
  while (cpu_s(CLOCK_THREAD_CPUTIME_ID) - own < 2.0) {
    for (float& x : data) x = x * 0.999f + 0.001f;
  }
  return 100 * (others() - begin) / (cpu_s(CLOCK_THREAD_CPUTIME_ID) - own);
}

// All compute; then with a collective open, for which rank 0 is late.
void late_rank(Runtime& runtime) {
  barrier(runtime);
  const double calm = taken_by_others_percent();
  std::vector<int64_t> one{1};
  const Completion gate;
  const Work work = runtime.world().all_reduce(one, one, ReduceOp::sum, runtime.rank() == 0 ? gate.event() : ReadyEvent::now(), "late");
  const double open = taken_by_others_percent();
  gate.set();
  work.wait();
  std::printf("rank %d: the other threads use %.2f %% of a core while it computes, %.2f %% with rank 0 late in a collective\n",
              runtime.rank(), calm, open);
}

}  // namespace
}  // namespace tessera::distributed

int main() {
  using namespace tessera::distributed;
  Runtime runtime;
  Gradients gradients(runtime.world());
  report(runtime, "exact: int64 reduce_scatter, f32 all_gather", [&] { exact(runtime, gradients); });
  report(runtime, "exact: f32 terms, f32 all_gather", [&] { exact_terms(runtime, gradients); });
  report(runtime, "exact while the main thread computes", [&] { exact_while_computing(runtime, gradients); });
  report(runtime, "fastest: f32 all_reduce of the library", [&] { fastest(runtime, gradients); });
  report(runtime, "100 all_reduces of one int64, one by one", [&] {
    for (int k = 0; k < 100; ++k) {
      std::vector<int64_t> one{1};
      runtime.world().all_reduce(one, one, ReduceOp::sum, ReadyEvent::now(), "bench").wait();
    }
  });
  late_rank(runtime);
}
