// SPDX-License-Identifier: Apache-2.0
// What every rank tells the watchdogs of all others, some ten times a second.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace tessera::distributed::watchdog {

enum class Presence : uint32_t {
  unknown,  ///< nothing was heard yet
  alive,
  left,  ///< its Runtime has ended
};

/// The collective that a rank has been in for longest.
struct OpenCollective {
  uint64_t communicator = 0;
  uint64_t sequence = 0;
  int32_t peer = -1;  ///< world rank; sends and receives only
  uint32_t exists = 0;
  double outstanding_s = 0;  ///< since it started or since data last arrived
  std::array<char, 104> text{};
};

struct Progress {
  uint64_t communicator = 0;
  uint64_t submitted = 0;  ///< collectives entered; sends and receives do not count
};

/// Goes through shared memory and sockets as it is: no pointers, no padding that matters.
struct RankSlot {
  static constexpr size_t kCommunicators = 24;

  int32_t rank = 0;
  int32_t pid = 0;
  Presence presence = Presence::unknown;
  int32_t reporting = -1;  ///< the rank about which this one has printed a line; -1: none
  uint64_t heartbeat = 0;
  uint64_t activity = 0;
  int64_t step = 0;
  double waiting_s = 0;  ///< how long its training thread has been waiting for a work
  OpenCollective open{};
  std::array<char, 64> phase{};
  std::array<Progress, kCommunicators> communicators{};
};
static_assert(std::is_trivially_copyable_v<RankSlot> && sizeof(RankSlot) % sizeof(uint64_t) == 0);

/// Cuts what does not fit; always ends with a zero.
template <size_t kSize>
void store_text(std::array<char, kSize>& to, std::string_view text) {
  to.fill('\0');
  text.copy(to.data(), kSize - 1);
}

}  // namespace tessera::distributed::watchdog
