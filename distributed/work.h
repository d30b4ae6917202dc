// SPDX-License-Identifier: Apache-2.0
// The handle of a collective that was submitted.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "distributed/flight_recorder.h"
#include "distributed/ready_event.h"

namespace tessera::distributed {

/// Where host functions that follow a work are run.
class Executor {
 public:
  virtual ~Executor() = default;
  /// Runs `task` on the communication thread: soon, or at once when called from there (Local: always at once, on the
  /// calling thread). False when that thread has ended; the task is then dropped.
  virtual bool run(std::function<void()> task) = 0;
};

/// Shared by the handle and the backend that carries the collective out.
class WorkState : public CompletionState {
 public:
  WorkState(std::shared_ptr<CollectiveRecord> record, std::shared_ptr<FlightRecorder> recorder, std::shared_ptr<Executor> executor);

  CollectiveRecord& record() { return *record_; }
  FlightRecorder& recorder() { return *recorder_; }
  Executor& executor() { return *executor_; }

  /// Runs `write` unless the work is over, abandoned for example: whatever touches the caller's output goes through here,
  /// so that nothing is written once abandon() has returned. False when it did not run.
  template <typename Function>
  bool write_output(Function write) {
    const std::lock_guard lock(mutex_);
    if (finished()) return false;
    write();
    return true;
  }

  /// Ranks of the communicator that data is still expected from; for messages.
  void set_missing(std::vector<int> ranks);
  void arrived(int rank);
  std::vector<int> missing() const;

 protected:
  void finishing(const std::exception_ptr& error) override;

 private:
  std::shared_ptr<CollectiveRecord> record_;
  std::shared_ptr<FlightRecorder> recorder_;
  std::shared_ptr<Executor> executor_;
  std::vector<int> missing_;
};

/// Marks the error of a work that was given up.
std::exception_ptr abandoned_error(const CollectiveRecord& record);

/// A copyable handle. Dropping it neither waits nor abandons.
class Work {
 public:
  explicit Work(std::shared_ptr<WorkState> state) : state_(std::move(state)) {}

  /// True when over, whether well, failed or abandoned.
  bool test() const { return state_->finished(); }

  /// Returns when the collective is complete. Throws what it failed with, or, when the deadline passes, Error(runtime)
  /// that names the collective, its step and whom it waits for; the work then goes on and may be waited for again.
  void wait(const Deadline& deadline = Deadline::never()) const;

  /// Gives up: from the return of this call on the output is not written, its content is undefined, and the work and all
  /// that depends on it fail. The other ranks are not told. What the library still holds belongs to it: staging buffers
  /// and, through their owners, the inputs, until the peers take them or the job ends. No effect on a work that is over.
  void abandon() const;

  /// Runs `function` on the communication thread as soon as the collective is complete. The event is ready when the
  /// function has run, and fails if it throws or the collective fails (the function is then not run). A function that has
  /// begun is not stopped by abandon(): wait for the event before its data goes away. It must not wait for other works: all
  /// communication of the process stands still while it runs.
  ReadyEvent then(std::function<void()> function) const;

  /// Ready when the collective is complete.
  ReadyEvent event() const { return ReadyEvent(state_); }

  const CollectiveRecord& record() const { return state_->record(); }

 private:
  std::shared_ptr<WorkState> state_;
};

}  // namespace tessera::distributed
