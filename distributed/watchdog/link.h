// SPDX-License-Identifier: Apache-2.0
// Slots between hosts. Two ranks on different hosts are hubs; of every host, the first rank that lives (its speaker) is
// connected to both, sends the slots of its host and gets those of all others. So any one rank may stop and the rest still
// know of each other.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "distributed/watchdog/slot.h"
#include "distributed/watchdog/table.h"

namespace tessera::distributed::watchdog {

/// Where the hub listens, as text for the other ranks: "port address address ...", IPv4.
struct HubAddress {
  uint16_t port = 0;
  std::vector<std::string> addresses;

  std::string text() const;
  static HubAddress parse(const std::string& text);
};

/// A connection that never blocks: frames of slots in both directions.
class SlotStream {
 public:
  SlotStream(int descriptor, int ranks);
  ~SlotStream();
  SlotStream(const SlotStream&) = delete;
  SlotStream& operator=(const SlotStream&) = delete;

  bool is_open() const { return descriptor_ >= 0; }
  void close();
  /// Sends the job's nonce first; a peer that shows another one is dropped.
  void greet(uint64_t nonce);
  bool has_greeted(uint64_t nonce);
  /// Dropped when the peer has not taken the former frame yet.
  void send(const std::vector<RankSlot>& slots);
  /// All slots that have arrived.
  std::vector<RankSlot> receive();
  void flush();

 private:
  void fill();

  int descriptor_;
  size_t ranks_;
  std::vector<std::byte> out_;
  std::vector<std::byte> in_;
  bool greeted_ = false;
};

/// step() is called some ten times a second by the watchdog's thread.
class HostLink {
 public:
  virtual ~HostLink() = default;
  /// Exchanges slots between the table and the other hosts.
  virtual void step(SlotTable& table) = 0;
  /// Instead of step(), for a leaf while another rank speaks for the host.
  virtual void rest() {}
};

/// The listening socket of a hub. Throws Error(runtime).
class HubListener {
 public:
  HubListener();
  ~HubListener();
  HubListener(const HubListener&) = delete;
  HubListener& operator=(const HubListener&) = delete;

  HubAddress address() const;
  /// -1 when nobody is waiting.
  int accept_one() const;

 private:
  int descriptor_ = -1;
};

/// `leaders[r]` is the first rank of rank r's host, `my_leader` that of this host.
std::unique_ptr<HostLink> make_hub(std::unique_ptr<HubListener> listener, uint64_t nonce, std::vector<int> leaders, int my_leader);
std::unique_ptr<HostLink> make_leaf(HubAddress hub, uint64_t nonce, std::vector<int> leaders, int my_leader);

}  // namespace tessera::distributed::watchdog
