// SPDX-License-Identifier: Apache-2.0
#include "distributed/watchdog/watchdog.h"

#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "core/base/activity.h"
#include "distributed/affinity.h"
#include "distributed/thread.h"

namespace tessera::distributed::watchdog {
namespace {

constexpr auto kTick = std::chrono::milliseconds(100);
// After a gap of this length the observer itself was stopped: whatever stood still meanwhile proves nothing.
constexpr int64_t kOwnGapNs = 500'000'000;

// A rank that is silent for this long no longer speaks for its host.
constexpr int64_t kSpeakerSilentNs = 350'000'000;

double seconds(int64_t ns) { return static_cast<double>(ns) * 1e-9; }

void print_line(const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }

OpenCollective open_collective(const FlightRecorder& recorder, int64_t now_ns) {
  OpenCollective open;
  const std::shared_ptr<const CollectiveRecord> record = recorder.oldest_started();
  if (!record) return open;
  open.exists = 1;
  open.communicator = record->communicator->id;
  open.sequence = record->sequence;
  open.outstanding_s = seconds(now_ns - record->progress_ns.load(std::memory_order_relaxed));
  if (record->peer >= 0) open.peer = record->communicator->world_ranks[static_cast<size_t>(record->peer)];
  store_text(open.text, record->text());
  return open;
}

}  // namespace

Watchdog::Watchdog(int rank, std::vector<std::string> hosts, std::vector<int> leaders, std::shared_ptr<FlightRecorder> recorder,
                   std::unique_ptr<SlotTable> table, std::unique_ptr<HostLink> hub, std::vector<std::unique_ptr<HostLink>> leaves)
    : rank_(rank),
      hosts_(std::move(hosts)),
      leaders_(std::move(leaders)),
      recorder_(std::move(recorder)),
      table_(std::move(table)),
      hub_(std::move(hub)),
      leaves_(std::move(leaves)),
      ages_(hosts_.size(), Age{.heartbeat_ns = steady_now_ns(), .activity_ns = steady_now_ns()}),
      last_tick_ns_(steady_now_ns()) {
  thread_ = start_thread([this] { thread_main(); });
}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

std::vector<RankView> Watchdog::ranks() const {
  const std::lock_guard lock(mutex_);
  return newest_;
}

void Watchdog::thread_main() {
  pthread_setname_np(pthread_self(), "tessera-watch");
  widen_affinity_of_this_thread();
  std::unique_lock lock(mutex_);
  while (!stop_) {
    lock.unlock();
    tick();
    lock.lock();
    wake_.wait_until(lock, std::chrono::steady_clock::now() + kTick, [this] { return stop_; });
  }
  lock.unlock();
  RankSlot slot = own_slot(steady_now_ns());
  slot.presence = Presence::left;
  table_->write(rank_, slot);
  step_links();
}

void Watchdog::tick() {
  const int64_t now_ns = steady_now_ns();
  table_->write(rank_, own_slot(now_ns));
  step_links();
  std::vector<RankView> ranks = look(now_ns);
  judge(ranks, now_ns);
  last_tick_ns_ = now_ns;
  const std::lock_guard lock(mutex_);
  newest_ = std::move(ranks);
}

void Watchdog::step_links() {
  if (hub_) hub_->step(*table_);
  const bool speaks = speaks_for_host();
  for (const auto& leaf : leaves_) {
    if (speaks) {
      leaf->step(*table_);
    } else {
      leaf->rest();
    }
  }
}

// The first rank of the host whose heart beats.
bool Watchdog::speaks_for_host() const {
  for (int rank = 0; rank < rank_; ++rank) {
    const auto r = static_cast<size_t>(rank);
    if (leaders_[r] == leaders_[static_cast<size_t>(rank_)] && last_tick_ns_ - ages_[r].heartbeat_ns < kSpeakerSilentNs) return false;
  }
  return true;
}

RankSlot Watchdog::own_slot(int64_t now_ns) {
  RankSlot slot;
  slot.rank = rank_;
  slot.pid = static_cast<int32_t>(getpid());
  slot.presence = Presence::alive;
  slot.reporting = report_ ? (report_->culprits.empty() ? static_cast<int32_t>(hosts_.size()) : report_->culprits.front()) : -1;
  slot.heartbeat = ++heartbeat_;
  slot.activity = activity_ticks.load(std::memory_order_relaxed);
  const LoopPosition position = recorder_->position();
  slot.step = position.step;
  store_text(slot.phase, position.phase);
  if (const int64_t since = recorder_->waiting_since_ns(); since != 0) slot.waiting_s = seconds(now_ns - since);
  slot.open = open_collective(*recorder_, now_ns);
  // World first, then the newest.
  const auto communicators = recorder_->communicators();
  const size_t skipped = communicators.size() > RankSlot::kCommunicators ? communicators.size() - RankSlot::kCommunicators : 0;
  for (size_t i = 0; i < std::min(communicators.size(), RankSlot::kCommunicators); ++i) {
    const CommunicatorIdentity& identity = *communicators[i == 0 ? 0 : i + skipped];
    slot.communicators[i] = {identity.id, identity.submitted.load(std::memory_order_relaxed)};
  }
  return slot;
}

std::vector<RankView> Watchdog::look(int64_t now_ns) {
  const bool was_stopped = now_ns - last_tick_ns_ > kOwnGapNs;
  std::vector<RankView> ranks(ages_.size());
  for (size_t rank = 0; rank < ages_.size(); ++rank) {
    RankView& view = ranks[rank];
    Age& age = ages_[rank];
    view.slot = table_->read(static_cast<int>(rank));
    view.remote = leaders_[rank] != leaders_[static_cast<size_t>(rank_)];
    if (was_stopped || view.slot.heartbeat != age.heartbeat) age.heartbeat_ns = now_ns;
    if (was_stopped || view.slot.activity != age.activity) age.activity_ns = now_ns;
    age.heartbeat = view.slot.heartbeat;
    age.activity = view.slot.activity;
    view.silent_s = seconds(now_ns - age.heartbeat_ns);
    view.idle_s = seconds(now_ns - age.activity_ns);
  }
  return ranks;
}

void Watchdog::judge(const std::vector<RankView>& ranks, int64_t now_ns) {
  const std::optional<Diagnosis> diagnosis = diagnose(ranks, rank_);
  const bool same = report_ && diagnosis && diagnosis->culprits == report_->culprits;
  if (report_ && !same) end_report(now_ns);
  if (!diagnosis) return;
  if (same ? diagnosis->waiting_s >= report_->next_s : should_report(ranks, rank_, *diagnosis)) print(ranks, *diagnosis, now_ns);
}

void Watchdog::print(const std::vector<RankView>& ranks, const Diagnosis& diagnosis, int64_t now_ns) {
  print_line(report_line(ranks, hosts_, diagnosis));
  const auto waiting_ns = static_cast<int64_t>(diagnosis.waiting_s * 1e9);
  if (!report_) report_ = Report{diagnosis.culprits, diagnosis.collective, 0, now_ns - waiting_ns};
  report_->next_s = std::max(2 * diagnosis.waiting_s, kSlowS);
}

void Watchdog::end_report(int64_t now_ns) {
  const std::string who = report_->culprits.empty() ? std::string("the job") : fmt::format("rank {}", report_->culprits.front());
  print_line(
      fmt::format("tessera: {} goes on after {:.1f} s ({})", who, seconds(now_ns - report_->begin_ns), report_->collective.text.data()));
  report_.reset();
}

}  // namespace tessera::distributed::watchdog
