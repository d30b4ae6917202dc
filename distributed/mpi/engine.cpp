// SPDX-License-Identifier: Apache-2.0
#include "distributed/mpi/engine.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <cstdio>

#include "core/base/error.h"
#include "distributed/affinity.h"
#include "distributed/mpi/environment.h"
#include "distributed/thread.h"

namespace tessera::distributed::mpi {
namespace {

// How long the thread polls without a pause after data last moved, in nanoseconds: while a transfer runs, pauses cost
// bandwidth. After that a peer is late, and a poll, some 10 us with its two context switches, takes time from whatever
// computes on the core: longer if this rank only waits and has its core for itself.
constexpr int64_t kSteadyNs = 200'000;
constexpr int64_t kSteadyWaitingNs = 20'000'000;
// Pauses grow with the time waited, so that they delay a late transfer by some 10 % of its lateness.
constexpr int64_t kShortestPauseNs = 100'000;
constexpr int64_t kLongestPauseNs = 1'000'000;
constexpr int64_t kPausePart = 10;
// How often abandoned requests are looked at.
constexpr double kAbandonedPauseS = 0.05;

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "tessera: the communication thread failed: %s\n", what);
  MPI_Abort(MPI_COMM_WORLD, kExitOther);
  std::abort();
}

}  // namespace

Engine::Engine(std::shared_ptr<FlightRecorder> recorder) : recorder_(std::move(recorder)) {
  const Completion initialised;
  thread_ = start_thread([this, initialised] { thread_main(initialised); });
  try {
    initialised.event().wait();
  } catch (...) {
    thread_.join();
    throw;
  }
}

Engine::~Engine() { stop(); }

void Engine::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool Engine::run(std::function<void()> task) {
  if (std::this_thread::get_id() == thread_.get_id()) {
    task();
    return true;
  }
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return false;
    tasks_.push_back(std::move(task));
    has_tasks_.store(true, std::memory_order_release);
  }
  wake_.notify_one();
  return true;
}

void Engine::run_for(WorkState& work, std::function<void()> task) {
  if (!run(std::move(task))) work.finish(std::make_exception_ptr(Error(ErrorKind::runtime, "the communication thread has ended")));
}

void Engine::call(const std::function<void()>& task) {
  const Completion done;
  const bool accepted = run([&task, done] {
    try {
      task();
      done.set();
    } catch (...) {
      done.fail(std::current_exception());
    }
  });
  if (!accepted) throw Error(ErrorKind::runtime, "the communication thread has ended");
  done.event().wait();
}

bool Engine::try_call(const std::function<void()>& task, double seconds) {
  auto done = std::make_shared<CompletionState>();
  if (!run([task, done] {
        task();
        done->finish(nullptr);
      })) {
    return false;
  }
  return done->wait_until(Deadline::in_s(seconds));
}

void Engine::thread_main(Completion initialised) {
  pthread_setname_np(pthread_self(), "tessera-comm");
  affinity_.emplace();
  affinity_->set_wide(true);
  try {
    prepare_environment();
    int provided = 0;
    check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
    if (provided < MPI_THREAD_FUNNELED) {
      throw Error(ErrorKind::runtime, "this MPI supports one thread only", "MPI", "use one that offers MPI_THREAD_FUNNELED");
    }
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  } catch (...) {
    initialised.fail(std::current_exception());
    return;
  }
  initialised.set();
  try {
    loop();
  } catch (const std::exception& error) {
    die(error.what());
  }
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    tasks_.clear();
  }
  MPI_Finalize();
  requests_.clear();
}

bool Engine::run_tasks() {
  if (!has_tasks_.load(std::memory_order_acquire)) return false;
  std::deque<std::function<void()>> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
    has_tasks_.store(false, std::memory_order_release);
  }
  for (const auto& task : tasks) task();
  return true;
}

bool Engine::stopping() {
  const std::lock_guard lock(mutex_);
  return stop_ && tasks_.empty();
}

void Engine::wait_for_tasks(double seconds) {
  std::unique_lock lock(mutex_);
  wake_.wait_until(lock, Deadline::in_s(seconds).at(), [this] { return stop_ || !tasks_.empty(); });
}

void Engine::give_way(int64_t idle_ns) {
  const bool waiting = recorder_->waiting_threads() > 0;
  affinity_->set_wide(!waiting);  // a rank that waits leaves its own cores to the poll, and others theirs
  const bool undisturbed = waiting && !crowded_.load(std::memory_order_relaxed);
  if (idle_ns < (undisturbed ? kSteadyWaitingNs : kSteadyNs)) {
    sched_yield();
  } else if (requests_.all_abandoned()) {
    wait_for_tasks(kAbandonedPauseS);
  } else {
    const int64_t longest_ns = waiting ? kShortestPauseNs : kLongestPauseNs;
    wait_for_tasks(1e-9 * static_cast<double>(std::clamp(idle_ns / kPausePart, kShortestPauseNs, longest_ns)));
  }
}

void Engine::loop() {
  int64_t moved_ns = steady_now_ns();
  while (true) {
    const bool ran = run_tasks();
    const bool moved = requests_.poll();
    if (ran || moved) {
      moved_ns = steady_now_ns();
      continue;
    }
    if (requests_.empty()) {
      if (stopping()) return;
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stop_ || !tasks_.empty(); });
    } else if (requests_.all_abandoned() && stopping()) {
      return;
    } else {
      give_way(steady_now_ns() - moved_ns);
    }
  }
}

}  // namespace tessera::distributed::mpi
