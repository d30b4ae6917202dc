// SPDX-License-Identifier: Apache-2.0
// Ranks of a host that have cores of their own hand these round. A step ends when its slowest rank has: a core that other tenants, heat or a smaller design slow
// down, often for a second at a time, would hold up every rank at every step. Handed round within a step, slow cores slow all ranks by their mean.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace tessera::distributed {

/// A rank and the cores that it may use.
struct RankOnCores {
  pid_t process;
  int last_cache;          ///< the first core that shares it; -1: there are several, or the system does not tell
  std::vector<int> cores;  ///< ascending
};

/// The calling thread's.
RankOnCores read_own_cores();

/// Of the ranks of a host, in their order, those that rank `own` hands cores round with: equally many, behind one cache, which keeps what they have there. Empty where there
/// is nothing to hand round: one rank alone, or two on one core.
std::vector<RankOnCores> ranks_in_turns(const std::vector<RankOnCores>& of_host, size_t own);

/// Whether the system lets this process move all of them.
bool may_move(const std::vector<RankOnCores>& ranks);

/// Of one rank, which moves all that are in turns with it: those that moved themselves would wait for each other's core.
class CoreRotation {
 public:
  explicit CoreRotation(std::vector<RankOnCores> ranks);
  /// Everybody back to his cores.
  ~CoreRotation();

  /// Cores change hands now and as often within the step as there are ranks, in long steps for every 200 ms, by the length of the last one, if that is long enough.
  void begin_step();

 private:
  void thread_main();
  int64_t turns() const;
  void list_threads();
  void move_to(size_t places);

  std::vector<RankOnCores> ranks_;
  std::vector<std::vector<pid_t>> threads_;  // of each, when the step began: to look costs as much as to move
  size_t places_ = 0;                        // how far from its own each rank's cores are
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  int64_t steps_ = 0;
  int64_t begun_ns_ = 0, length_ns_ = 0;  // this step, the last one
  std::thread thread_;
};

}  // namespace tessera::distributed
