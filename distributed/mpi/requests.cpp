// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "core/base/error.h"
#include "distributed/mpi/engine.h"

namespace tessera::distributed::mpi {

void check(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw Error(ErrorKind::runtime, fmt::format("{} failed: {}", call, std::string_view(text, static_cast<size_t>(length))), "MPI");
}

void Operation::begin(Requests& requests) {
  if (is_over()) return;
  work_->recorder().started(work_->record());
  try {
    do_begin(requests);
  } catch (...) {
    work_->finish(std::current_exception());
  }
}

void Operation::completed(Requests& requests, uint32_t slot, const MPI_Status& status) {
  if (is_over()) return;
  work_->record().progress_ns.store(steady_now_ns(), std::memory_order_relaxed);
  try {
    do_completed(requests, slot, status);
  } catch (...) {
    work_->finish(std::current_exception());
  }
}

void Requests::add(MPI_Request request, Operation& operation, uint32_t slot) {
  requests_.push_back(request);
  holders_.push_back({operation.shared_from_this(), slot});
}

void Requests::clear() {
  requests_.clear();
  holders_.clear();
}

bool Requests::all_abandoned() const {
  return std::all_of(holders_.begin(), holders_.end(), [](const Holder& holder) { return holder.operation->is_over(); });
}

bool Requests::poll() {
  if (requests_.empty()) return false;
  indices_.resize(requests_.size());
  statuses_.resize(requests_.size());
  int completed_count = 0;
  const int code = MPI_Testsome(static_cast<int>(requests_.size()), requests_.data(), &completed_count, indices_.data(), statuses_.data());
  if (code != MPI_SUCCESS && code != MPI_ERR_IN_STATUS) check(code, "MPI_Testsome");
  if (completed_count <= 0) return false;
  take(completed_count, code == MPI_ERR_IN_STATUS);
  for (Event& event : events_) {
    if (event.error == MPI_SUCCESS) {
      event.holder.operation->completed(*this, event.holder.slot, event.status);
    } else {
      try {
        check(event.error, "communication");
      } catch (...) {
        event.holder.operation->work().finish(std::current_exception());
      }
    }
  }
  events_.clear();
  return true;
}

// Moves the completed requests out of the arrays first: their operations may add new ones.
void Requests::take(int completed_count, bool with_errors) {
  const auto count = static_cast<size_t>(completed_count);
  std::vector<std::pair<int, size_t>> order;  // (index in requests_, index in statuses_)
  for (size_t i = 0; i < count; ++i) order.emplace_back(indices_[i], i);
  std::sort(order.begin(), order.end());
  for (const auto& [index, status] : order) {
    const int error = with_errors ? statuses_[status].MPI_ERROR : MPI_SUCCESS;
    events_.push_back({std::move(holders_[static_cast<size_t>(index)]), statuses_[status], error});
  }
  for (auto entry = order.rbegin(); entry != order.rend(); ++entry) {
    const auto index = static_cast<size_t>(entry->first);
    requests_[index] = requests_.back();
    holders_[index] = std::move(holders_.back());
    requests_.pop_back();
    holders_.pop_back();
  }
}

}  // namespace tessera::distributed::mpi
