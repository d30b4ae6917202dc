// SPDX-License-Identifier: Apache-2.0
// Where the time of the thread that trains goes: by phase of a step and by op. Nothing is measured unless a profiler is attached to the
// thread; then a scope costs a branch.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace tessera {

/// `none` is what belongs to a step and to no other phase.
enum class Phase : uint8_t { none, data_wait, forward, backward, gradient_sum, rank_wait, optimizer, checkpoint, evaluation };
inline constexpr size_t kPhases = 9;
const char* name_of(Phase phase);

/// Arithmetic inside of ops that is counted on its own as well.
enum class HotKernel : uint8_t { gemm, convolution };
inline constexpr size_t kHotKernels = 2;
const char* name_of(HotKernel kernel);

/// For one thread. Names must outlive it (literals).
class Profiler {
 public:
  struct Total {
    int64_t calls = 0, ns = 0;
  };
  /// Something that began and ended while the trace was on.
  struct Event {
    const char* name;
    const char* category;
    int64_t begin_ns, end_ns;
  };

  /// The trace covers steps warmup_steps..warmup_steps + traced_steps - 1 of those that begin_step() counts, and at most kMostEvents.
  Profiler(int64_t warmup_steps, int64_t traced_steps);
  static constexpr size_t kMostEvents = 200'000;

  void begin_step();
  void begin(Phase phase, const char* name);
  void begin(HotKernel kernel);
  void end();
  /// An op's result was just recorded: what passed in the open scope since the last mark, or since it began, was that op.
  void mark(const char* op);

  /// Of every (phase, name), without what other scopes inside of it took; kernels count in the ops that call them.
  const std::unordered_map<const char*, Total>& totals(Phase phase) const { return totals_[static_cast<size_t>(phase)]; }
  const Total& total(HotKernel kernel, Phase phase) const { return kernel_totals_[static_cast<size_t>(kernel)][static_cast<size_t>(phase)]; }
  int64_t phase_ns(Phase phase) const;
  int64_t elapsed_ns() const;
  int64_t steps() const { return steps_; }
  const std::vector<Event>& events() const { return events_; }
  /// When this object was made, on the clock of the events.
  int64_t start_ns() const { return start_ns_; }

 private:
  struct Frame {
    Phase phase;
    const char* name;
    std::optional<HotKernel> kernel;
    int64_t begin_ns, mark_ns, inside_ns;
  };
  void trace(const char* name, const char* category, int64_t begin_ns, int64_t end_ns);

  int64_t warmup_steps_, traced_steps_, steps_ = 0;
  bool tracing_ = false;
  int64_t start_ns_;
  std::vector<Frame> frames_;
  std::array<std::unordered_map<const char*, Total>, kPhases> totals_;
  std::array<std::array<Total, kPhases>, kHotKernels> kernel_totals_;
  std::vector<Event> events_;
};

/// The profiler of this thread; null: none.
inline constinit thread_local Profiler* attached_profiler = nullptr;

class ProfileScope {
 public:
  ProfileScope(Phase phase, const char* name) : profiler_(attached_profiler) {
    if (profiler_) [[unlikely]] profiler_->begin(phase, name);
  }
  explicit ProfileScope(HotKernel kernel) : profiler_(attached_profiler) {
    if (profiler_) [[unlikely]] profiler_->begin(kernel);
  }
  ~ProfileScope() {
    if (profiler_) [[unlikely]] profiler_->end();
  }
  ProfileScope(const ProfileScope&) = delete;
  ProfileScope& operator=(const ProfileScope&) = delete;

 private:
  Profiler* profiler_;
};

}  // namespace tessera
