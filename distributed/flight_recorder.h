// SPDX-License-Identifier: Apache-2.0
// What this process is doing: its last collectives, where the training loop stands. Source of hang reports and messages.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "distributed/buffer.h"
#include "distributed/ready_event.h"

namespace tessera::distributed {

enum class CollectiveKind : uint8_t { all_reduce, reduce_scatter, all_gather, broadcast, send, recv, all_to_all, barrier, split };
std::string_view name_of(CollectiveKind kind);

enum class CollectiveState : uint8_t { queued, started, done, failed, abandoned };
std::string_view name_of(CollectiveState state);

/// The same on every member of a communicator.
struct CommunicatorIdentity {
  uint64_t id = 0;
  std::string name;                    ///< "world", or the axis of the mesh
  std::vector<int> world_ranks;        ///< of the members, in rank order
  std::atomic<uint64_t> submitted{0};  ///< collectives that this process has entered
};

/// One collective of this process. The sequence counts the collectives of the communicator from 1; sends and receives are
/// counted for each peer and direction. Times are nanoseconds of the steady clock, 0 for never.
struct CollectiveRecord {
  std::shared_ptr<CommunicatorIdentity> communicator;
  CollectiveKind kind = CollectiveKind::barrier;
  uint64_t sequence = 0;
  size_t elements = 0;
  ElementType type = ElementType::byte;
  int peer = -1;  ///< rank within the communicator; sends and receives only
  int64_t step = 0;
  std::array<char, 48> caller{};
  uint64_t order = 0;  ///< of submission, over all communicators of the process
  std::atomic<CollectiveState> state{CollectiveState::queued};
  std::atomic<int64_t> progress_ns{0};  ///< when it started, or when data last arrived

  bool is_point_to_point() const { return kind == CollectiveKind::send || kind == CollectiveKind::recv; }
  /// "all_reduce #412 of world (gradient bucket 3)".
  std::string text() const;
};

int64_t steady_now_ns();

/// Where the training loop stands, as it last said.
struct LoopPosition {
  int64_t step = 0;
  std::string phase;  ///< "backward of quantum 5"
};

class FlightRecorder {
 public:
  static constexpr size_t kKept = 256;

  /// Enters a collective that was just submitted: fills its step, order and caller.
  void submitted(const std::shared_ptr<CollectiveRecord>& record, const char* caller);
  void started(CollectiveRecord& record);
  void over(CollectiveRecord& record, CollectiveState state);

  /// The last kKept, oldest first.
  std::vector<std::shared_ptr<const CollectiveRecord>> history() const;
  /// The first submitted of those that have started and are not over; null when there is none.
  std::shared_ptr<const CollectiveRecord> oldest_started() const;
  /// Waits until no collective is queued or started. False when the deadline passed first.
  bool wait_until_none_open(const Deadline& deadline) const;

  void add(std::shared_ptr<CommunicatorIdentity> communicator);
  std::vector<std::shared_ptr<CommunicatorIdentity>> communicators() const;

  void set_step(int64_t step);
  void set_phase(std::string_view phase);
  LoopPosition position() const;

  /// How many threads wait for a work, and since when the first of them does (0: none does).
  void wait_begins();
  void wait_ends();
  int waiting_threads() const { return waiting_threads_.load(std::memory_order_relaxed); }
  int64_t waiting_since_ns() const { return waiting_since_ns_.load(std::memory_order_relaxed); }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable none_open_;
  uint64_t next_order_ = 0;
  std::deque<std::shared_ptr<const CollectiveRecord>> history_;
  std::map<uint64_t, std::shared_ptr<const CollectiveRecord>> open_;
  std::vector<std::shared_ptr<CommunicatorIdentity>> communicators_;
  LoopPosition position_;
  std::atomic<int> waiting_threads_{0};
  std::atomic<int64_t> waiting_since_ns_{0};
};

}  // namespace tessera::distributed
