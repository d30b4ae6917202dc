// SPDX-License-Identifier: Apache-2.0
#include "launcher/job/prepare.h"

#include <fmt/core.h>

#include <chrono>
#include <set>

#include "launcher/job/together.h"
#include "launcher/report/progress.h"
#include "recipes/registry.h"

namespace tessera::launcher {
namespace {

using Clock = std::chrono::steady_clock;

void prepare_split(const config::DataBlock& data, const std::string& split) {
  Progress progress(true);
  const auto started = Clock::now();
  data::PrepareObserver observer;
  observer.say = [&](const std::string& line) { progress.line("tessera: " + line); };
  observer.progress = [&](int64_t done, int64_t all) {
    if (!progress.due()) return;
    const double so_far_s = std::chrono::duration<double>(Clock::now() - started).count();
    const double rest_s = done > 0 ? so_far_s / static_cast<double>(done) * static_cast<double>(all - done) : -1.0;
    progress.update(fmt::format("indexing split {}: {} of {} shards, ETA {}", split, done, all, clock_text(rest_s)));
  };
  recipes::prepare_dataset(data, split, observer);
}

}  // namespace

void prepare_data(distributed::Runtime& runtime, const config::DataBlock& data, std::span<const std::string> splits) {
  runtime.set_phase("preparation of the data");
  on_rank_0(runtime, [&] {
    for (const std::string& split : std::set<std::string>(splits.begin(), splits.end())) prepare_split(data, split);
  });
}

}  // namespace tessera::launcher
