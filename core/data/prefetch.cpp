// SPDX-License-Identifier: Apache-2.0
#include "core/data/prefetch.h"

#include <chrono>
#include <system_error>

#include "core/base/error.h"

namespace tessera::data {
namespace {

/// Adds the time of a scope to a sum.
class Stopwatch {
 public:
  explicit Stopwatch(double& sum_s) : sum_s_(sum_s), begin_(std::chrono::steady_clock::now()) {}
  ~Stopwatch() { sum_s_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  double& sum_s_;
  std::chrono::steady_clock::time_point begin_;
};

}  // namespace

Prefetcher::Prefetcher(int workers, int bound, std::function<BatchJob()> next_job)
    : bound_(static_cast<size_t>(bound)), next_job_(std::move(next_job)) {
  TESSERA_ASSERT(workers >= 0 && bound >= 1, "a prefetcher needs room for a batch");
  try {
    for (int worker = 0; worker < workers; ++worker) workers_.emplace_back([this] { work(); });
  } catch (const std::system_error& error) {
    stop();
    throw Error(ErrorKind::runtime, std::string("cannot start a thread: ") + error.what(), "data", "ask for fewer workers");
  }
}

Prefetcher::~Prefetcher() { stop(); }

void Prefetcher::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  room_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

/// Appends the next slot; the mutex is held.
std::shared_ptr<Prefetcher::Slot> Prefetcher::begin_slot() {
  auto slot = std::make_shared<Slot>();
  try {
    slot->job = next_job_();
    slot->last = !slot->job;
  } catch (...) {
    slot->error = std::current_exception();
  }
  ended_ = slot->done = slot->last || slot->error;
  slots_.push_back(slot);
  return slot;
}

/// Makes the slot's batch; the mutex is not held.
void Prefetcher::run(Slot& slot) {
  Batch batch;
  std::exception_ptr error;
  try {
    batch = slot.job(stop_);
  } catch (...) {
    error = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  slot.batch = std::move(batch);
  slot.error = error;
  slot.done = true;
}

void Prefetcher::work() {
  while (true) {
    std::shared_ptr<Slot> slot;
    {
      std::unique_lock lock(mutex_);
      room_.wait(lock, [this] { return stop_ || ended_ || slots_.size() < bound_; });
      if (stop_ || ended_) return;
      slot = begin_slot();
    }
    if (slot->job) run(*slot);
    progress_.notify_all();
    if (!slot->job) room_.notify_all();  // the end: for every worker
  }
}

std::optional<Batch> Prefetcher::next() {
  const Stopwatch watch(waited_s_);
  std::unique_lock lock(mutex_);
  if (workers_.empty() && slots_.empty()) {
    const std::shared_ptr<Slot> slot = begin_slot();
    lock.unlock();
    if (slot->job) run(*slot);
    lock.lock();
  }
  progress_.wait(lock, [this] { return !slots_.empty() && slots_.front()->done; });
  const std::shared_ptr<Slot> slot = slots_.front();
  if (slot->error) std::rethrow_exception(slot->error);
  if (slot->last) return std::nullopt;
  slots_.pop_front();
  lock.unlock();
  room_.notify_one();
  return std::move(slot->batch);
}

}  // namespace tessera::data
