// SPDX-License-Identifier: Apache-2.0
// The communication thread: the one thread that calls MPI. Internal to distributed/mpi (brings in mpi.h).
#pragma once

#include <mpi.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "distributed/affinity.h"
#include "distributed/work.h"

namespace tessera::distributed::mpi {

/// Throws Error(runtime) with MPI's own text unless `code` is MPI_SUCCESS.
void check(int code, const char* call);

class Requests;

/// A collective in the hands of the communication thread. Its requests keep it alive, also when it was abandoned.
class Operation : public std::enable_shared_from_this<Operation> {
 public:
  explicit Operation(std::shared_ptr<WorkState> work) : work_(std::move(work)) {}
  virtual ~Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  /// Posts the first requests, or finishes at once. A failure becomes the work's.
  void begin(Requests& requests);
  void completed(Requests& requests, uint32_t slot, const MPI_Status& status);

  WorkState& work() { return *work_; }
  /// Nobody waits for it any more.
  bool is_over() const { return work_->finished(); }

 protected:
  virtual void do_begin(Requests& requests) = 0;
  /// The request that was added under `slot` is complete. Not called for an operation that is over.
  virtual void do_completed(Requests& requests, uint32_t slot, const MPI_Status& status) = 0;

 private:
  std::shared_ptr<WorkState> work_;
};

/// All outstanding requests of the process.
class Requests {
 public:
  void add(MPI_Request request, Operation& operation, uint32_t slot);
  /// Hands completed requests to their operations. False when there were none.
  bool poll();
  bool empty() const { return requests_.empty(); }
  /// Lets go of everything, once MPI is finalised and writes no more.
  void clear();
  /// True when no operation that anybody waits for has a request.
  bool all_abandoned() const;

 private:
  struct Holder {
    std::shared_ptr<Operation> operation;
    uint32_t slot;
  };
  struct Event {
    Holder holder;
    MPI_Status status;
    int error;
  };
  void take(int completed_count, bool with_errors);

  std::vector<MPI_Request> requests_;
  std::vector<Holder> holders_;  // parallel to requests_
  std::vector<int> indices_;
  std::vector<MPI_Status> statuses_;
  std::vector<Event> events_;
};

class Engine : public Executor {
 public:
  /// Starts the thread, which initialises MPI. Throws what that failed with.
  explicit Engine(std::shared_ptr<FlightRecorder> recorder);
  ~Engine() override;

  /// Carries out what was submitted, except abandoned works, then finalises MPI and ends the thread. Works that are
  /// submitted later fail. Must have been called before the engine is destroyed.
  void stop();

  bool run(std::function<void()> task) override;
  /// Runs `task` for `work`, which fails when the thread has ended.
  void run_for(WorkState& work, std::function<void()> task);
  /// Runs `task` on the communication thread and waits for it; throws what it throws.
  void call(const std::function<void()>& task);
  /// True if the task was run within `seconds`; for a process in trouble.
  bool try_call(const std::function<void()>& task, double seconds);

  /// Communication thread only.
  Requests& requests() { return requests_; }
  /// More runnable threads than cores: give way sooner.
  void set_crowded(bool crowded) { crowded_.store(crowded, std::memory_order_relaxed); }

 private:
  void thread_main(Completion initialised);
  void loop();
  bool run_tasks();
  void wait_for_tasks(double seconds);
  void give_way(int64_t idle_ns);
  bool stopping();

  std::shared_ptr<FlightRecorder> recorder_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  std::atomic<bool> has_tasks_{false};
  bool stop_ = false;   // guarded by mutex_
  bool ended_ = false;  // guarded by mutex_
  std::atomic<bool> crowded_{false};
  Requests requests_;
  std::optional<ThreadAffinity> affinity_;  // the communication thread's
  std::thread thread_;
};

}  // namespace tessera::distributed::mpi
