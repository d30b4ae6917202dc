// SPDX-License-Identifier: Apache-2.0
// Batches made ahead by worker threads and handed out strictly in order.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "core/data/dataset.h"

namespace tessera::data {

/// Makes one batch, on any thread. Gives up early (the result is thrown away) once the flag is set.
using BatchJob = std::function<Batch(const std::atomic<bool>& stop)>;

/// At most `bound` batches exist that were begun but not yet handed out. Without workers, next() makes the batch itself.
class Prefetcher {
 public:
  /// `next_job` gives the jobs in order, an empty one at the end. It is called under a lock, never at the same time.
  Prefetcher(int workers, int bound, std::function<BatchJob()> next_job);
  /// Stops the workers; they finish at most the sample they are reading.
  ~Prefetcher();
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  /// The next batch in order; nothing after the last. An exception of its job, or of finding its job, is thrown here,
  /// and again by every later call: nothing is skipped. For one thread.
  std::optional<Batch> next();

  /// Time that next() took from its caller.
  double waited_s() const { return waited_s_; }

 private:
  /// A batch on its way; `done` and what follows it are written under the mutex.
  struct Slot {
    BatchJob job;
    bool last = false;
    bool done = false;
    Batch batch;
    std::exception_ptr error;
  };

  void stop();
  std::shared_ptr<Slot> begin_slot();
  void run(Slot& slot);
  void work();

  const size_t bound_;
  const std::function<BatchJob()> next_job_;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::condition_variable room_, progress_;
  std::deque<std::shared_ptr<Slot>> slots_;  // in order; the front is the next to be handed out
  bool ended_ = false;                       // the last job, or an error in finding one, is in slots_
  double waited_s_ = 0;
  std::vector<std::thread> workers_;
};

}  // namespace tessera::data
