// SPDX-License-Identifier: Apache-2.0
#include "launcher/report/profile.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "launcher/job/together.h"

namespace tessera::launcher {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kWarmupSteps = 2;  // not traced: the first one measures the gradient, makes primitives and touches memory
constexpr size_t kShownOps = 12;
constexpr size_t kColumns = kPhases + 1;  // seconds of each phase, then of the whole

/// Seconds of every rank, a row each, the same on all ranks.
using RankTimes = std::vector<double>;

double seconds(int64_t ns) { return static_cast<double>(ns) * 1e-9; }

RankTimes gather(const Profiler& profiler, distributed::Runtime& runtime) {
  RankTimes times(static_cast<size_t>(runtime.size()) * kColumns, 0.0);
  double* mine = times.data() + static_cast<size_t>(runtime.rank()) * kColumns;
  for (size_t i = 0; i < kPhases; ++i) mine[i] = seconds(profiler.phase_ns(static_cast<Phase>(i)));
  mine[kPhases] = seconds(profiler.elapsed_ns());
  runtime.world().all_reduce(times, times, distributed::ReduceOp::sum, distributed::ReadyEvent::now(), "profile").wait();
  return times;
}

std::string title_of(size_t column) {
  if (column == kPhases) return "all";
  const auto phase = static_cast<Phase>(column);
  return phase == Phase::none ? "rest of the steps" : name_of(phase);
}

/// What no scope covers: reports, mostly.
double outside_s(const double* row) {
  double inside = 0.0;
  for (size_t i = 0; i < kPhases; ++i) inside += row[i];
  return std::max(0.0, row[kPhases] - inside);
}

struct OpTotal {
  Phase phase;
  std::string name;
  Profiler::Total total;
};

/// Longest first.
std::vector<OpTotal> ops_of(const Profiler& profiler) {
  std::vector<OpTotal> ops;
  for (size_t i = 0; i < kPhases; ++i) {
    for (const auto& [name, total] : profiler.totals(static_cast<Phase>(i))) ops.push_back({static_cast<Phase>(i), name, total});
  }
  std::ranges::sort(ops, [](const OpTotal& a, const OpTotal& b) { return a.total.ns > b.total.ns; });
  return ops;
}

Json rank_json(const RankTimes& times, int rank, const std::string& host) {
  const double* row = times.data() + static_cast<size_t>(rank) * kColumns;
  Json phases = Json::object();
  for (size_t i = 1; i < kPhases; ++i) phases[name_of(static_cast<Phase>(i))] = row[i];
  phases["rest_of_steps"] = row[0];
  phases["outside_of_steps"] = outside_s(row);
  return {{"rank", rank}, {"host", host}, {"elapsed_s", row[kPhases]}, {"phases_s", phases}};
}

Json to_json(const Profiler& profiler, const RankTimes& times, const distributed::Runtime& runtime) {
  Json json = {{"steps", profiler.steps()}, {"ranks", Json::array()}, {"ops_of_rank_0", Json::array()}, {"kernels_of_rank_0", Json::array()}};
  for (int rank = 0; rank < runtime.size(); ++rank) {
    json["ranks"].push_back(rank_json(times, rank, runtime.host_names()[static_cast<size_t>(rank)]));
  }
  for (const OpTotal& op : ops_of(profiler)) {
    json["ops_of_rank_0"].push_back({{"phase", name_of(op.phase)}, {"name", op.name}, {"calls", op.total.calls}, {"seconds", seconds(op.total.ns)}});
  }
  for (const HotKernel kernel : {HotKernel::gemm, HotKernel::convolution}) {
    for (const Phase phase : {Phase::forward, Phase::backward, Phase::evaluation}) {
      const Profiler::Total& total = profiler.total(kernel, phase);
      json["kernels_of_rank_0"].push_back({{"name", name_of(kernel)}, {"phase", name_of(phase)}, {"calls", total.calls}, {"seconds", seconds(total.ns)}});
    }
  }
  return json;
}

/// Times are in microseconds there.
std::string trace_text(const Profiler& profiler, int rank, const std::string& host) {
  const Json process = {{"name", "process_name"}, {"ph", "M"}, {"pid", rank}, {"tid", 0}, {"args", {{"name", fmt::format("rank {} on {}", rank, host)}}}};
  std::string text = "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [\n" + process.dump();
  for (const Profiler::Event& event : profiler.events()) {
    text += fmt::format(",\n{{\"name\": \"{}\", \"cat\": \"{}\", \"ph\": \"X\", \"pid\": {}, \"tid\": 0, \"ts\": {:.3f}, \"dur\": {:.3f}}}", event.name,
                        event.category, rank, static_cast<double>(event.begin_ns - profiler.start_ns()) * 1e-3,
                        static_cast<double>(event.end_ns - event.begin_ns) * 1e-3);
  }
  return text + "\n]}\n";
}

/// A line a phase: rank 0's share, and which ranks have the least and the most of it.
std::string phase_line(const RankTimes& times, size_t column, int ranks) {
  const auto of = [&](int rank) { return times[static_cast<size_t>(rank) * kColumns + column]; };
  std::string line = fmt::format("    {:18} {:10.3f} s {:6.1f} %", title_of(column), of(0), 100.0 * of(0) / times[kPhases]);
  if (ranks == 1) return line;
  int least = 0, most = 0;
  for (int rank = 1; rank < ranks; ++rank) {
    if (of(rank) < of(least)) least = rank;
    if (of(rank) > of(most)) most = rank;
  }
  return line + fmt::format("   least {:10.3f} s on rank {:<4} most {:10.3f} s on rank {}", of(least), least, of(most), most);
}

std::string kernel_line(const Profiler& profiler) {
  const double step_s = seconds(profiler.phase_ns(Phase::forward) + profiler.phase_ns(Phase::backward));
  std::string line = "  of forward and backward:";
  for (const HotKernel kernel : {HotKernel::gemm, HotKernel::convolution}) {
    const double kernel_s = seconds(profiler.total(kernel, Phase::forward).ns + profiler.total(kernel, Phase::backward).ns);
    line += fmt::format(" {} {:.1f} %{}", name_of(kernel), step_s > 0.0 ? 100.0 * kernel_s / step_s : 0.0, kernel == HotKernel::gemm ? "," : "");
  }
  return line;
}

void say_tables(const Profiler& profiler, const RankTimes& times, int ranks, const std::function<void(const std::string&)>& say) {
  for (size_t column = 1; column < kPhases; ++column) say(phase_line(times, column, ranks));
  say(phase_line(times, 0, ranks));
  say(phase_line(times, kPhases, ranks));
  const std::vector<OpTotal> ops = ops_of(profiler);
  say(fmt::format("  {:14} {:24} {:>10} {:>12} {:>12}   (rank 0)", "phase", "op", "calls", "us a call", "ms a step"));
  for (size_t i = 0; i < std::min(ops.size(), kShownOps); ++i) {
    const auto& [phase, name, total] = ops[i];
    const double us = static_cast<double>(total.ns) * 1e-3;
    say(fmt::format("  {:14} {:24} {:10} {:12.2f} {:12.4f}", name_of(phase), name, total.calls, us / static_cast<double>(total.calls),
                    us * 1e-3 / static_cast<double>(std::max<int64_t>(profiler.steps(), 1))));
  }
  say(kernel_line(profiler));
}

}  // namespace

ProfileReport::ProfileReport(std::filesystem::path folder, int64_t traced_steps, distributed::Runtime& runtime)
    : folder_(std::move(folder)), traced_steps_(traced_steps), runtime_(runtime) {
  together(runtime_, [&] {
    std::error_code code;
    std::filesystem::create_directories(folder_, code);
    const auto failed = error_of([&] { write_file_atomically(trace_file(), "", ErrorKind::usage); });
    if (failed) throw Error(ErrorKind::usage, std::string("the profile folder cannot be written (") + failed->what() + ")", folder_.string(), "give another with --profile");
  });
}

ProfileReport::~ProfileReport() {
  if (attached_profiler == profiler_.get()) attached_profiler = nullptr;
}

std::filesystem::path ProfileReport::trace_file() const { return folder_ / fmt::format("trace_rank{}.json", runtime_.rank()); }

void ProfileReport::begin() {
  profiler_ = std::make_unique<Profiler>(kWarmupSteps, traced_steps_);
  attached_profiler = profiler_.get();
}

void ProfileReport::finish(const std::function<void(const std::string&)>& say) {
  attached_profiler = nullptr;
  const RankTimes times = gather(*profiler_, runtime_);
  const auto failed = runtime_.agree(error_of([&] {
    write_file_atomically(trace_file(), trace_text(*profiler_, runtime_.rank(), runtime_.host()), ErrorKind::runtime);
    if (runtime_.rank() == 0) write_file_atomically(folder_ / "profile.json", to_json(*profiler_, times, runtime_).dump(1) + "\n", ErrorKind::runtime);
  }));
  if (runtime_.rank() != 0) return;
  say(fmt::format("  profile of {} steps on rank 0, in {}:", profiler_->steps(), folder_.string()));
  say_tables(*profiler_, times, runtime_.size(), say);
  if (failed) fmt::print(stderr, "tessera: warning: the profile was not written: {}\n", failed->what());
}

}  // namespace tessera::launcher
