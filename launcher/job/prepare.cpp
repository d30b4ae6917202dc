// SPDX-License-Identifier: Apache-2.0
#include "launcher/job/prepare.h"

#include <fmt/core.h>

#include <chrono>
#include <memory>
#include <set>

#include "launcher/job/together.h"
#include "launcher/report/progress.h"
#include "launcher/train/stop_signal.h"
#include "recipes/registry.h"

namespace tessera::launcher {
namespace {

using Clock = std::chrono::steady_clock;

bool prepare_split(const config::DataBlock& data, const std::string& split) {
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
  observer.stop = stop_requested;
  if (recipes::prepare_dataset(data, split, observer)) return true;
  progress.line("stopped while indexing shards; run the same command again to go on");
  return false;
}

}  // namespace

bool prepare_data(distributed::Runtime& runtime, const config::DataBlock& data, std::span<const std::string> splits) {
  runtime.set_phase("preparation of the data");
  std::vector<int64_t> ready = {1};
  on_rank_0(runtime, [&] {
    for (const std::string& split : std::set<std::string>(splits.begin(), splits.end())) ready[0] = ready[0] && prepare_split(data, split);
  });
  runtime.world().broadcast(ready, 0, distributed::ReadyEvent::now(), "prepared data").wait();
  return ready[0] == 1;
}

data::ReadingProgress reading_progress(bool enabled, const std::string& split) {
  return [progress = std::make_shared<Progress>(enabled), started = Clock::now(), split](int64_t done_bytes, int64_t all_bytes) {
    if (!progress->due()) return;
    const double so_far_s = std::chrono::duration<double>(Clock::now() - started).count();
    const double share = static_cast<double>(done_bytes) / static_cast<double>(all_bytes);
    progress->update(fmt::format("reading split {}: {:.0f} %, ETA {}", split, 100.0 * share, clock_text(so_far_s / share - so_far_s)));
  };
}

}  // namespace tessera::launcher
