// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <chrono>

#include "core/kernels/kernels.h"
#include "distributed/affinity.h"
#include "launcher/bench/report.h"
#include "launcher/commands/commands.h"
#include "launcher/job/together.h"
#include "launcher/report/progress.h"

namespace tessera::launcher {
namespace {

using Clock = std::chrono::steady_clock;

std::vector<bench::Measurement> plan(const BenchArguments& arguments, int cores, distributed::Runtime& runtime) {
  const bench::Options options{arguments.threads, arguments.seconds};
  std::vector<bench::Measurement> all;
  const auto add = [&](const char* part, const std::function<std::vector<bench::Measurement>()>& measurements) {
    if (!arguments.only.empty() && std::ranges::find(arguments.only, part) == arguments.only.end()) return;
    std::ranges::move(measurements(), std::back_inserter(all));
  };
  add("memory", [&] { return bench::memory(options, cores); });
  add("gemm", [&] { return bench::gemm(options); });
  add("convolution", [&] { return bench::convolution(options); });
  add("all_reduce", [&] { return bench::all_reduce(options, runtime); });
  return all;
}

/// Shows how far a long list is and when it will be through.
class Meter {
 public:
  Meter(Progress& progress, size_t all) : progress_(progress), all_(all) {}

  void next(const std::string& name) {
    if (progress_.due()) {
      const double elapsed_s = std::chrono::duration<double>(Clock::now() - start_).count();
      const double left_s = done_ == 0 ? -1.0 : elapsed_s / static_cast<double>(done_) * static_cast<double>(all_ - done_);
      progress_.update(fmt::format("bench: {} of {}, {} left: {}", done_ + 1, all_, clock_text(left_s), name));
    }
    ++done_;
  }

 private:
  Progress& progress_;
  size_t all_, done_ = 0;
  Clock::time_point start_ = Clock::now();
};

void run_all(const BenchArguments& arguments, const bench::Machine& machine, distributed::Runtime& runtime) {
  Progress progress(runtime.rank() == 0);
  bench::Limits limits;
  on_rank_0(runtime, [&] { limits = bench::measure_limits(arguments.threads, arguments.seconds); });
  progress.line(bench::describe(limits, arguments.threads));
  progress.line(bench::table_head());
  const std::vector<bench::Measurement> measurements = plan(arguments, machine.cores, runtime);
  Meter meter(progress, measurements.size());
  std::vector<bench::Result> results;
  for (const bench::Measurement& measurement : measurements) {
    meter.next(measurement.name);
    const auto run = [&] { results.push_back(measurement.run(limits)); };
    measurement.collective ? run() : on_rank_0(runtime, run);
    if (runtime.rank() == 0) progress.line(bench::table_line(results.back()));
  }
  on_rank_0(runtime, [&] {
    if (arguments.json) bench::write_json(*arguments.json, machine, limits, results);
  });
}

}  // namespace

int benchmark(const BenchArguments& arguments) {
  return run_on_all_ranks([&](distributed::Runtime& runtime) {
    const distributed::Affinity affinity = distributed::read_affinity();
    const bench::Machine machine{runtime.host(),  platform_fingerprint(), arguments.threads, static_cast<int>(affinity.allowed.size()),
                                 runtime.size(), runtime.hosts()};
    on_rank_0(runtime, [&] {
      if (arguments.json) bench::write_json(*arguments.json, machine, {}, {});  // better now than after the work
      fmt::print("tessera bench on {}: {}\n  rank 0 on {}\n", machine.host, machine.platform, distributed::describe(affinity));
      std::fflush(stdout);
    });
    set_kernel_threads(arguments.threads);
    run_all(arguments, machine, runtime);
    return kExitDone;
  });
}

}  // namespace tessera::launcher
