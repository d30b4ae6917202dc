// SPDX-License-Identifier: Apache-2.0
// When a piece of asynchronous work may start: events that become ready once, or fail once.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace tessera::distributed {

/// Until when a wait lasts.
class Deadline {
 public:
  static Deadline never() { return Deadline(); }
  static Deadline in_s(double seconds);

  bool is_never() const { return never_; }
  std::chrono::steady_clock::time_point at() const { return at_; }
  /// The length that in_s() was given, for messages.
  double seconds() const { return seconds_; }

 private:
  bool never_ = true;
  double seconds_ = 0;
  std::chrono::steady_clock::time_point at_;
};

/// What events and works share: it finishes once, with or without an error. All members may be called by any thread.
class CompletionState {
 public:
  using Callback = std::function<void(std::exception_ptr)>;

  CompletionState() = default;
  virtual ~CompletionState() = default;
  CompletionState(const CompletionState&) = delete;
  CompletionState& operator=(const CompletionState&) = delete;

  bool finished() const { return finished_.load(std::memory_order_acquire); }
  /// Only the first call counts (true). Callbacks run on the calling thread.
  bool finish(std::exception_ptr error);
  /// Calls back when finished: later on the finishing thread, or now if it already is.
  void on_finished(Callback callback);
  /// False when the deadline passed first.
  bool wait_until(const Deadline& deadline);
  /// Null for success. Only after finished().
  std::exception_ptr error() const;

 protected:
  /// Runs inside finish(), before anybody is told.
  virtual void finishing(const std::exception_ptr&) {}

  mutable std::mutex mutex_;

 private:
  std::condition_variable changed_;
  std::atomic<bool> finished_{false};
  std::exception_ptr error_;
  std::vector<Callback> callbacks_;
};

/// Becomes ready when what it stands for is finished. Cheap to copy.
class ReadyEvent {
 public:
  /// The data is there: the usual case for host memory.
  static ReadyEvent now() { return ReadyEvent(nullptr); }
  explicit ReadyEvent(std::shared_ptr<CompletionState> state) : state_(std::move(state)) {}

  /// True when ready, and also when it failed.
  bool test() const { return !state_ || state_->finished(); }
  /// Throws what the event failed with, or Error(runtime) when the deadline passes.
  void wait(const Deadline& deadline = Deadline::never()) const;
  void on_finished(CompletionState::Callback callback) const;

 private:
  std::shared_ptr<CompletionState> state_;
};

/// Ready when all of them are; fails as the first that fails.
ReadyEvent all_of(const std::vector<ReadyEvent>& events);

/// The setting side of a ReadyEvent, for work that another thread does.
class Completion {
 public:
  Completion() : state_(std::make_shared<CompletionState>()) {}

  ReadyEvent event() const { return ReadyEvent(state_); }
  void set() const { state_->finish(nullptr); }
  /// Everything that depends on the event fails with `error`.
  void fail(std::exception_ptr error) const { state_->finish(std::move(error)); }

 private:
  std::shared_ptr<CompletionState> state_;
};

}  // namespace tessera::distributed
