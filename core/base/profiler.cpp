// SPDX-License-Identifier: Apache-2.0
#include "core/base/profiler.h"

#include <chrono>

namespace tessera {
namespace {

constexpr const char* kPhaseNames[kPhases] = {"none",      "data_wait", "forward",    "backward",  "gradient_sum",
                                              "rank_wait", "optimizer", "checkpoint", "evaluation"};
constexpr const char* kKernelNames[kHotKernels] = {"gemm", "convolution"};

int64_t now_ns() { return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

void add(Profiler::Total& total, int64_t ns) {
  ++total.calls;
  total.ns += ns;
}

}  // namespace

const char* name_of(Phase phase) { return kPhaseNames[static_cast<size_t>(phase)]; }
const char* name_of(HotKernel kernel) { return kKernelNames[static_cast<size_t>(kernel)]; }

Profiler::Profiler(int64_t warmup_steps, int64_t traced_steps) : warmup_steps_(warmup_steps), traced_steps_(traced_steps), start_ns_(now_ns()) {}

void Profiler::begin_step() {
  tracing_ = steps_ >= warmup_steps_ && steps_ < warmup_steps_ + traced_steps_;
  ++steps_;
}

void Profiler::begin(Phase phase, const char* name) {
  const int64_t now = now_ns();
  frames_.push_back({phase, name, std::nullopt, now, now, 0});
}

void Profiler::begin(HotKernel kernel) {
  const int64_t now = now_ns();
  frames_.push_back({frames_.empty() ? Phase::none : frames_.back().phase, name_of(kernel), kernel, now, now, 0});
}

void Profiler::end() {
  const Frame frame = frames_.back();
  frames_.pop_back();
  const int64_t now = now_ns(), took_ns = now - frame.begin_ns;
  trace(frame.name, frame.kernel ? "kernel" : name_of(frame.phase), frame.begin_ns, now);
  if (frame.kernel) return add(kernel_totals_[static_cast<size_t>(*frame.kernel)][static_cast<size_t>(frame.phase)], took_ns);
  add(totals_[static_cast<size_t>(frame.phase)][frame.name], took_ns - frame.inside_ns);
  if (!frames_.empty()) frames_.back().inside_ns += took_ns;
}

void Profiler::mark(const char* op) {
  if (frames_.empty()) return;
  Frame& frame = frames_.back();
  const int64_t now = now_ns(), took_ns = now - frame.mark_ns;
  trace(op, name_of(frame.phase), frame.mark_ns, now);
  add(totals_[static_cast<size_t>(frame.phase)][op], took_ns);
  frame.inside_ns += took_ns;
  frame.mark_ns = now;
}

void Profiler::trace(const char* name, const char* category, int64_t begin_ns, int64_t end_ns) {
  if (tracing_ && events_.size() < kMostEvents) events_.push_back({name, category, begin_ns, end_ns});
}

int64_t Profiler::phase_ns(Phase phase) const {
  int64_t sum = 0;
  for (const auto& [name, total] : totals(phase)) sum += total.ns;
  return sum;
}

int64_t Profiler::elapsed_ns() const { return now_ns() - start_ns_; }

}  // namespace tessera
