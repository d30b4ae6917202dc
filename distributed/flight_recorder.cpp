// SPDX-License-Identifier: Apache-2.0
#include "distributed/flight_recorder.h"

#include <fmt/format.h>

#include <chrono>

#include "core/base/activity.h"

namespace tessera::distributed {

std::string_view name_of(CollectiveKind kind) {
  switch (kind) {
    case CollectiveKind::all_reduce: return "all_reduce";
    case CollectiveKind::reduce_scatter: return "reduce_scatter";
    case CollectiveKind::all_gather: return "all_gather";
    case CollectiveKind::broadcast: return "broadcast";
    case CollectiveKind::send: return "send";
    case CollectiveKind::recv: return "recv";
    case CollectiveKind::all_to_all: return "all_to_all";
    case CollectiveKind::barrier: return "barrier";
    case CollectiveKind::split: return "split";
  }
  return "?";
}

std::string_view name_of(CollectiveState state) {
  switch (state) {
    case CollectiveState::queued: return "queued";
    case CollectiveState::started: return "started";
    case CollectiveState::done: return "done";
    case CollectiveState::failed: return "failed";
    case CollectiveState::abandoned: return "abandoned";
  }
  return "?";
}

int64_t steady_now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string CollectiveRecord::text() const {
  std::string line = fmt::format("{} #{} of {}", name_of(kind), sequence, communicator->name);
  if (caller[0] != '\0') line += fmt::format(" ({})", caller.data());
  return line;
}

void FlightRecorder::submitted(const std::shared_ptr<CollectiveRecord>& record, const char* caller) {
  const std::string_view label = caller ? caller : "";
  label.copy(record->caller.data(), record->caller.size() - 1);
  const std::lock_guard lock(mutex_);
  record->order = ++next_order_;
  record->step = position_.step;
  open_.emplace(record->order, record);
  history_.push_back(record);
  if (history_.size() > kKept) history_.pop_front();
}

void FlightRecorder::started(CollectiveRecord& record) {
  record.progress_ns.store(steady_now_ns(), std::memory_order_relaxed);
  CollectiveState expected = CollectiveState::queued;
  record.state.compare_exchange_strong(expected, CollectiveState::started);
}

void FlightRecorder::over(CollectiveRecord& record, CollectiveState state) {
  record.state.store(state);
  const std::lock_guard lock(mutex_);
  open_.erase(record.order);
  if (open_.empty()) none_open_.notify_all();
}

std::vector<std::shared_ptr<const CollectiveRecord>> FlightRecorder::history() const {
  const std::lock_guard lock(mutex_);
  return {history_.begin(), history_.end()};
}

std::shared_ptr<const CollectiveRecord> FlightRecorder::oldest_started() const {
  const std::lock_guard lock(mutex_);
  for (const auto& [order, record] : open_) {
    if (record->state.load() == CollectiveState::started) return record;
  }
  return nullptr;
}

bool FlightRecorder::wait_until_none_open(const Deadline& deadline) const {
  std::unique_lock lock(mutex_);
  const auto none = [this] { return open_.empty(); };
  if (!deadline.is_never()) return none_open_.wait_until(lock, deadline.at(), none);
  none_open_.wait(lock, none);
  return true;
}

void FlightRecorder::add(std::shared_ptr<CommunicatorIdentity> communicator) {
  const std::lock_guard lock(mutex_);
  communicators_.push_back(std::move(communicator));
}

std::vector<std::shared_ptr<CommunicatorIdentity>> FlightRecorder::communicators() const {
  const std::lock_guard lock(mutex_);
  return communicators_;
}

void FlightRecorder::set_step(int64_t step) {
  tick_activity();
  const std::lock_guard lock(mutex_);
  position_.step = step;
}

void FlightRecorder::set_phase(std::string_view phase) {
  tick_activity();
  const std::lock_guard lock(mutex_);
  position_.phase.assign(phase);
}

LoopPosition FlightRecorder::position() const {
  const std::lock_guard lock(mutex_);
  return position_;
}

void FlightRecorder::wait_begins() {
  if (waiting_threads_.fetch_add(1) == 0) waiting_since_ns_.store(steady_now_ns(), std::memory_order_relaxed);
}

void FlightRecorder::wait_ends() {
  if (waiting_threads_.fetch_sub(1) == 1) waiting_since_ns_.store(0, std::memory_order_relaxed);
}

}  // namespace tessera::distributed
