// SPDX-License-Identifier: Apache-2.0
// Whom everybody waits for: a function of the slots of all ranks and of how long they have stood still.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "distributed/watchdog/slot.h"

namespace tessera::distributed::watchdog {

/// A rank as one observer sees it. Ages are by the observer's clock.
struct RankView {
  RankSlot slot;
  double silent_s = 0;  ///< since its heartbeat moved
  double idle_s = 0;    ///< since its activity moved
  bool remote = false;  ///< on another host than the observer
};

enum class Trouble {
  left,        ///< it has ended
  stuck,       ///< its process does nothing, not even its watchdog
  idle,        ///< its watchdog lives, its training thread does nothing
  slow,        ///< it computes
  no_data,     ///< everybody has entered the collective, and yet nothing arrives
  circle,      ///< the ranks wait for each other in different collectives: a defect
  no_contact,  ///< its host was never heard of
};

struct Diagnosis {
  Trouble trouble = Trouble::slow;
  std::vector<int> culprits;  ///< world ranks; empty for no_data and circle
  bool entered = false;       ///< the culprits are in the collective, too
  OpenCollective collective;  ///< that is waited for
  double waiting_s = 0;       ///< for it, by the observer
  int64_t step = 0;           ///< of that collective
};

/// Seconds without a sign of life after which a process counts as stopped, and of waiting before that is reported.
inline constexpr double kStuckS = 1.0;
/// The former for ranks of other hosts: their slots take longer, most of all while another rank takes over to send them.
inline constexpr double kRemoteStuckS = 1.5;
/// Before a living rank without activity, or a slow one, is reported.
inline constexpr double kIdleS = 5.0;
inline constexpr double kSlowS = 10.0;

/// What `observer` should report, if anything: nothing unless it is in a collective for long enough.
std::optional<Diagnosis> diagnose(const std::vector<RankView>& ranks, int observer);

/// Exactly one rank reports: the first that waits, lives, and is not in the way itself.
bool should_report(const std::vector<RankView>& ranks, int observer, const Diagnosis& diagnosis);

/// The line for standard error, without a line break. `hosts` has every rank's.
std::string report_line(const std::vector<RankView>& ranks, const std::vector<std::string>& hosts, const Diagnosis& diagnosis);

}  // namespace tessera::distributed::watchdog
