// SPDX-License-Identifier: Apache-2.0
#include "distributed/work.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/base/error.h"

namespace tessera::distributed {
namespace {

// Distinguishes giving up from failing, for the record's state.
class AbandonedError : public Error {
 public:
  using Error::Error;
};

CollectiveState state_for(const std::exception_ptr& error) {
  if (!error) return CollectiveState::done;
  try {
    std::rethrow_exception(error);
  } catch (const AbandonedError&) {
    return CollectiveState::abandoned;
  } catch (...) {
    return CollectiveState::failed;
  }
}

std::string whom(const WorkState& state, const CommunicatorIdentity& communicator) {
  const std::vector<int> missing = state.missing();
  if (missing.empty()) return "";
  std::vector<int> world;
  for (const int rank : missing) world.push_back(communicator.world_ranks[static_cast<size_t>(rank)]);
  return fmt::format("; no answer from rank{} {}", world.size() > 1 ? "s" : "", fmt::join(world, ", "));
}

class WaitMark {
 public:
  explicit WaitMark(FlightRecorder& recorder) : recorder_(recorder) { recorder_.wait_begins(); }
  ~WaitMark() { recorder_.wait_ends(); }
  WaitMark(const WaitMark&) = delete;
  WaitMark& operator=(const WaitMark&) = delete;

 private:
  FlightRecorder& recorder_;
};

void run_and_finish(const std::shared_ptr<CompletionState>& follower, const std::function<void()>& function) {
  std::exception_ptr error;
  try {
    function();
  } catch (...) {
    error = std::current_exception();
  }
  follower->finish(error);
}

}  // namespace

WorkState::WorkState(std::shared_ptr<CollectiveRecord> record, std::shared_ptr<FlightRecorder> recorder, std::shared_ptr<Executor> executor)
    : record_(std::move(record)), recorder_(std::move(recorder)), executor_(std::move(executor)) {}

void WorkState::finishing(const std::exception_ptr& error) { recorder_->over(*record_, state_for(error)); }

void WorkState::set_missing(std::vector<int> ranks) {
  const std::lock_guard lock(mutex_);
  missing_ = std::move(ranks);
}

void WorkState::arrived(int rank) {
  const std::lock_guard lock(mutex_);
  std::erase(missing_, rank);
}

std::vector<int> WorkState::missing() const {
  const std::lock_guard lock(mutex_);
  std::vector<int> ranks = missing_;
  std::sort(ranks.begin(), ranks.end());
  return ranks;
}

std::exception_ptr abandoned_error(const CollectiveRecord& record) {
  return std::make_exception_ptr(AbandonedError(ErrorKind::runtime, record.text() + " was abandoned"));
}

void Work::wait(const Deadline& deadline) const {
  if (!state_->finished()) {
    const WaitMark mark(state_->recorder());
    if (!state_->wait_until(deadline)) {
      const CollectiveRecord& record = state_->record();
      throw Error(ErrorKind::runtime, fmt::format("{} of step {} was not complete after {:.1f} s{}", record.text(), record.step,
                                                  deadline.seconds(), whom(*state_, *record.communicator)));
    }
  }
  if (const std::exception_ptr error = state_->error()) std::rethrow_exception(error);
}

void Work::abandon() const {
  if (!state_->finished()) state_->finish(abandoned_error(state_->record()));
}

ReadyEvent Work::then(std::function<void()> function) const {
  auto follower = std::make_shared<CompletionState>();
  state_->on_finished([follower, state = state_.get(), function = std::move(function)](const std::exception_ptr& error) {
    if (error) {
      follower->finish(error);
    } else if (!state->executor().run([follower, function] { run_and_finish(follower, function); })) {
      follower->finish(std::make_exception_ptr(Error(ErrorKind::runtime, "the communication thread has ended")));
    }
  });
  return ReadyEvent(follower);
}

}  // namespace tessera::distributed
