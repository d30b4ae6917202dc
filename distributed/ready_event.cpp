// SPDX-License-Identifier: Apache-2.0
#include "distributed/ready_event.h"

#include <fmt/format.h>

#include "core/base/error.h"

namespace tessera::distributed {

Deadline Deadline::in_s(double seconds) {
  Deadline deadline;
  deadline.never_ = false;
  deadline.seconds_ = seconds;
  deadline.at_ = std::chrono::steady_clock::now() +
                 std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(seconds));
  return deadline;
}

bool CompletionState::finish(std::exception_ptr error) {
  std::vector<Callback> callbacks;
  {
    const std::lock_guard lock(mutex_);
    if (finished()) return false;
    finishing(error);
    error_ = error;
    callbacks.swap(callbacks_);
    finished_.store(true, std::memory_order_release);
  }
  changed_.notify_all();
  for (const Callback& callback : callbacks) callback(error);
  return true;
}

void CompletionState::on_finished(Callback callback) {
  {
    const std::lock_guard lock(mutex_);
    if (!finished()) {
      callbacks_.push_back(std::move(callback));
      return;
    }
  }
  callback(error_);
}

bool CompletionState::wait_until(const Deadline& deadline) {
  std::unique_lock lock(mutex_);
  if (deadline.is_never()) {
    changed_.wait(lock, [this] { return finished(); });
    return true;
  }
  return changed_.wait_until(lock, deadline.at(), [this] { return finished(); });
}

std::exception_ptr CompletionState::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

void ReadyEvent::wait(const Deadline& deadline) const {
  if (!state_) return;
  if (!state_->wait_until(deadline)) {
    throw Error(ErrorKind::runtime, fmt::format("an event was not ready within {:.1f} s", deadline.seconds()));
  }
  if (const std::exception_ptr error = state_->error()) std::rethrow_exception(error);
}

ReadyEvent all_of(const std::vector<ReadyEvent>& events) {
  if (events.empty()) return ReadyEvent::now();
  const auto all = std::make_shared<CompletionState>();
  const auto open = std::make_shared<std::atomic<size_t>>(events.size());
  for (const ReadyEvent& event : events) {
    event.on_finished([all, open](const std::exception_ptr& error) {
      if (error || open->fetch_sub(1) == 1) all->finish(error);
    });
  }
  return ReadyEvent(all);
}

void ReadyEvent::on_finished(CompletionState::Callback callback) const {
  if (state_) {
    state_->on_finished(std::move(callback));
  } else {
    callback(nullptr);
  }
}

}  // namespace tessera::distributed
