// SPDX-License-Identifier: Apache-2.0
#include "distributed/watchdog/diagnosis.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace tessera::distributed::watchdog {
namespace {

const RankView& view(const std::vector<RankView>& ranks, int rank) { return ranks[static_cast<size_t>(rank)]; }

const Progress* progress_in(const RankSlot& slot, uint64_t communicator) {
  for (const Progress& progress : slot.communicators) {
    if (progress.communicator == communicator) return &progress;
  }
  return nullptr;
}

// World is 0 and stands first, before the empty entries.
bool is_member(const RankSlot& slot, uint64_t communicator) { return communicator == 0 || progress_in(slot, communicator); }

bool has_entered(const RankSlot& slot, const OpenCollective& collective) {
  const Progress* progress = progress_in(slot, collective.communicator);
  return progress && progress->submitted >= collective.sequence;
}

bool is_silent(const RankView& rank) {
  return rank.slot.presence == Presence::alive && rank.silent_s >= (rank.remote ? kRemoteStuckS : kStuckS);
}

bool waits_itself(const RankView& rank) { return rank.slot.presence == Presence::alive && !is_silent(rank) && rank.slot.open.exists; }

struct Suspects {
  std::vector<int> ranks;
  bool entered = false;
  bool circle = false;  // they wait for each other
};

// Who keeps `waiter` waiting in its oldest collective.
Suspects suspects_of(const std::vector<RankView>& ranks, int waiter) {
  const OpenCollective& collective = view(ranks, waiter).slot.open;
  Suspects suspects;
  if (collective.peer >= 0) {
    const RankView& peer = view(ranks, collective.peer);
    const bool meets = waits_itself(peer) && peer.slot.open.communicator == collective.communicator && peer.slot.open.peer == waiter;
    if (!meets) suspects.ranks.push_back(collective.peer);
    return suspects;
  }
  std::vector<int> silent;
  for (int rank = 0; rank < static_cast<int>(ranks.size()); ++rank) {
    const RankSlot& slot = view(ranks, rank).slot;
    if (rank == waiter || (slot.presence != Presence::unknown && !is_member(slot, collective.communicator))) continue;
    if (!has_entered(slot, collective)) suspects.ranks.push_back(rank);
    if (is_silent(view(ranks, rank)) || slot.presence == Presence::left) silent.push_back(rank);
  }
  if (suspects.ranks.empty()) return {silent, true, false};
  return suspects;
}

// From waiter to waiter, until somebody is found who does not wait: a rank late in one collective may be held up in another.
Suspects culprits_of(const std::vector<RankView>& ranks, int observer, OpenCollective& collective) {
  int waiter = observer;
  Suspects suspects;
  for (size_t hop = 0; hop < ranks.size(); ++hop) {
    collective = view(ranks, waiter).slot.open;
    suspects = suspects_of(ranks, waiter);
    std::vector<int> final;
    for (const int rank : suspects.ranks) {
      if (!waits_itself(view(ranks, rank))) final.push_back(rank);
    }
    if (suspects.ranks.empty() || !final.empty()) return {final, suspects.entered, false};
    waiter = suspects.ranks.front();
  }
  return {{}, false, true};
}

Trouble trouble_of(const RankView& rank) {
  if (rank.slot.presence == Presence::unknown) return Trouble::no_contact;
  if (rank.slot.presence == Presence::left) return Trouble::left;
  if (is_silent(rank)) return Trouble::stuck;
  return rank.idle_s >= kIdleS ? Trouble::idle : Trouble::slow;
}

// What is worth saying of several: the worst, and only about those.
void choose_worst(const std::vector<RankView>& ranks, Diagnosis& diagnosis) {
  constexpr Trouble kWorstFirst[] = {Trouble::left, Trouble::stuck, Trouble::idle, Trouble::slow, Trouble::no_contact};
  for (const Trouble trouble : kWorstFirst) {
    std::vector<int> these;
    for (const int rank : diagnosis.culprits) {
      if (trouble_of(view(ranks, rank)) == trouble) these.push_back(rank);
    }
    if (these.empty()) continue;
    diagnosis.trouble = trouble;
    diagnosis.culprits = these;
    return;
  }
}

double patience_s(Trouble trouble) {
  switch (trouble) {
    case Trouble::left:
    case Trouble::stuck: return kStuckS;
    case Trouble::idle: return kIdleS;
    case Trouble::slow:
    case Trouble::no_data:
    case Trouble::circle:
    case Trouble::no_contact: return kSlowS;
  }
  return kSlowS;
}

// A collective may well be open for long while its rank computes on; only what stops the whole job is worth a line then.
double waited_s(const RankSlot& slot, Trouble trouble) {
  const bool urgent = trouble == Trouble::left || trouble == Trouble::stuck;
  return urgent ? slot.open.outstanding_s : std::min(slot.open.outstanding_s, slot.waiting_s);
}

std::string names(const std::vector<RankView>& ranks, const std::vector<std::string>& hosts, const std::vector<int>& culprits) {
  constexpr size_t kListed = 4;
  std::vector<std::string> parts;
  for (size_t i = 0; i < culprits.size() && i < kListed; ++i) {
    const int rank = culprits[i];
    parts.push_back(fmt::format("rank {} on host {} (pid {})", rank, hosts[static_cast<size_t>(rank)], view(ranks, rank).slot.pid));
  }
  std::string text = fmt::format("{}", fmt::join(parts, ", "));
  if (culprits.size() > kListed) text += fmt::format(" and {} more", culprits.size() - kListed);
  return text;
}

std::string condition(const RankView& rank, Trouble trouble) {
  switch (trouble) {
    case Trouble::left: return "it has left the job";
    case Trouble::stuck: return "stuck";
    case Trouble::idle: return fmt::format("alive, but without progress for {:.1f} s", rank.idle_s);
    case Trouble::slow: return "slow, but computing";
    case Trouble::no_contact: return "the watchdog has no connection to its host";
    case Trouble::no_data:
    case Trouble::circle: return "";
  }
  return "";
}

const char* deed(const Diagnosis& diagnosis) {
  if (diagnosis.entered) return "entered but not completed";
  return diagnosis.collective.peer >= 0 ? "not answered" : "not entered";
}

}  // namespace

std::optional<Diagnosis> diagnose(const std::vector<RankView>& ranks, int observer) {
  const RankSlot& self = view(ranks, observer).slot;
  if (!self.open.exists || self.open.outstanding_s < kStuckS) return std::nullopt;
  Diagnosis diagnosis;
  const Suspects suspects = culprits_of(ranks, observer, diagnosis.collective);
  diagnosis.culprits = suspects.ranks;
  diagnosis.entered = suspects.entered;
  if (diagnosis.culprits.empty()) {
    diagnosis.trouble = suspects.circle ? Trouble::circle : Trouble::no_data;
    diagnosis.collective = self.open;
  } else {
    choose_worst(ranks, diagnosis);
  }
  // What a stopped rank last said of itself may be older than what the observer knows: both are in the same step.
  diagnosis.step = self.step;
  if (!diagnosis.culprits.empty()) diagnosis.step = std::max(self.step, view(ranks, diagnosis.culprits.front()).slot.step);
  diagnosis.waiting_s = waited_s(self, diagnosis.trouble);
  if (diagnosis.waiting_s < patience_s(diagnosis.trouble)) return std::nullopt;
  return diagnosis;
}

bool should_report(const std::vector<RankView>& ranks, int observer, const Diagnosis& diagnosis) {
  const int about = diagnosis.culprits.empty() ? static_cast<int>(ranks.size()) : diagnosis.culprits.front();
  for (int rank = 0; rank < static_cast<int>(ranks.size()); ++rank) {
    const RankView& other = view(ranks, rank);
    if (rank == observer || !waits_itself(other)) continue;
    if (other.slot.reporting == about) return false;
    const bool waits_long = waited_s(other.slot, diagnosis.trouble) >= patience_s(diagnosis.trouble) / 2;
    if (rank < observer && waits_long) return false;
  }
  return true;
}

std::string report_line(const std::vector<RankView>& ranks, const std::vector<std::string>& hosts, const Diagnosis& diagnosis) {
  const std::string collective = diagnosis.collective.text.data();
  if (diagnosis.culprits.empty()) {
    return fmt::format("tessera: waiting {:.1f} s in {}: {}", diagnosis.waiting_s, collective,
                       diagnosis.trouble == Trouble::circle ? "the ranks wait for each other in different collectives"
                                                            : "all ranks have entered it, but no data arrives; check the network");
  }
  const RankView& first = view(ranks, diagnosis.culprits.front());
  std::string line = fmt::format("tessera: waiting {:.1f} s for {}: {}", diagnosis.waiting_s, names(ranks, hosts, diagnosis.culprits),
                                 condition(first, diagnosis.trouble));
  if (diagnosis.trouble == Trouble::no_contact) return line + fmt::format("; it has not answered in {}", collective);
  line += fmt::format(" at step {}, it has {} {}", diagnosis.step, deed(diagnosis), collective);
  const bool stuck = diagnosis.trouble == Trouble::stuck;
  if (stuck) line += fmt::format("; last seen {:.1f} s ago", first.silent_s);
  if (first.slot.phase[0] != '\0' && (stuck || first.slot.step == diagnosis.step)) line += fmt::format("{} in {}", stuck ? "" : ";", first.slot.phase.data());
  return line;
}

}  // namespace tessera::distributed::watchdog
