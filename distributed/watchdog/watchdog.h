// SPDX-License-Identifier: Apache-2.0
// Tells on standard error whom everybody waits for, over a channel of its own: shared memory on a host, TCP between hosts.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "distributed/flight_recorder.h"
#include "distributed/watchdog/diagnosis.h"
#include "distributed/watchdog/link.h"
#include "distributed/watchdog/table.h"

namespace tessera::distributed::watchdog {

class Watchdog {
 public:
  /// `hosts` and `leaders` tell every rank's host name and its host's first rank. `hub` is null except on hubs; `leaves`
  /// lead to the hubs that are other ranks.
  Watchdog(int rank, std::vector<std::string> hosts, std::vector<int> leaders, std::shared_ptr<FlightRecorder> recorder,
           std::unique_ptr<SlotTable> table, std::unique_ptr<HostLink> hub, std::vector<std::unique_ptr<HostLink>> leaves);
  /// Tells the others that this rank has left.
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// The newest state of all ranks, as of a tenth of a second ago.
  std::vector<RankView> ranks() const;

 private:
  struct Age {
    uint64_t heartbeat = 0;
    uint64_t activity = 0;
    int64_t heartbeat_ns = 0;  // when it last moved
    int64_t activity_ns = 0;
  };
  /// A line that was printed and what it was about.
  struct Report {
    std::vector<int> culprits;
    OpenCollective collective;
    double next_s = 0;  // waiting time of the next line
    int64_t begin_ns = 0;
  };

  void thread_main();
  void tick();
  void step_links();
  bool speaks_for_host() const;
  RankSlot own_slot(int64_t now_ns);
  std::vector<RankView> look(int64_t now_ns);
  void judge(const std::vector<RankView>& ranks, int64_t now_ns);
  void print(const std::vector<RankView>& ranks, const Diagnosis& diagnosis, int64_t now_ns);
  void end_report(int64_t now_ns);

  int rank_;
  std::vector<std::string> hosts_;
  std::vector<int> leaders_;
  std::shared_ptr<FlightRecorder> recorder_;
  std::unique_ptr<SlotTable> table_;
  std::unique_ptr<HostLink> hub_;
  std::vector<std::unique_ptr<HostLink>> leaves_;
  std::vector<Age> ages_;
  uint64_t heartbeat_ = 0;
  int64_t last_tick_ns_ = 0;
  std::optional<Report> report_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;             // guarded by mutex_
  std::vector<RankView> newest_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace tessera::distributed::watchdog
