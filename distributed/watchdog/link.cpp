// SPDX-License-Identifier: Apache-2.0
#include "distributed/watchdog/link.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sstream>

#include "core/base/error.h"
#include "core/base/file.h"

namespace tessera::distributed::watchdog {
namespace {

using Clock = std::chrono::steady_clock;

// Slots go out five times a second; less often in a world so large that the hub would send more than this.
constexpr double kPeriodS = 0.2;
constexpr double kHubBytesPerS = 50e6;
// An address of the hub that does not answer within this time is given up for the next one.
constexpr auto kConnectPatience = std::chrono::milliseconds(700);

double period_s(size_t ranks, size_t hosts) {
  return std::max(kPeriodS, static_cast<double>(ranks * hosts * sizeof(RankSlot)) / kHubBytesPerS);
}

size_t hosts_of(const std::vector<int>& leaders) {
  size_t hosts = 0;
  for (size_t rank = 0; rank < leaders.size(); ++rank) hosts += leaders[rank] == static_cast<int>(rank);
  return hosts;
}

class Pace {
 public:
  explicit Pace(double period) : period_(std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(period))) {}
  bool due() {
    const Clock::time_point now = Clock::now();
    if (now < next_) return false;
    next_ = now + period_;
    return true;
  }

 private:
  Clock::duration period_;
  Clock::time_point next_{};
};

// The slots of ranks for which `wanted(rank)` holds, of those that are known.
template <typename Predicate>
std::vector<RankSlot> collect(SlotTable& table, size_t ranks, Predicate wanted) {
  std::vector<RankSlot> slots;
  for (size_t rank = 0; rank < ranks; ++rank) {
    if (!wanted(rank)) continue;
    RankSlot slot = table.read(static_cast<int>(rank));
    if (slot.presence == Presence::unknown) continue;
    slot.rank = static_cast<int32_t>(rank);
    slots.push_back(slot);
  }
  return slots;
}

// Slots from a peer go into the table unless they are of this host, whose ranks write their own, or came by another way
// before: old ones must not make a stopped rank look alive.
void take_in(SlotTable& table, const std::vector<RankSlot>& slots, const std::vector<int>& leaders, int my_leader) {
  for (const RankSlot& slot : slots) {
    const bool known = slot.rank >= 0 && static_cast<size_t>(slot.rank) < leaders.size();
    if (!known || leaders[static_cast<size_t>(slot.rank)] == my_leader) continue;
    if (slot.heartbeat > table.read(slot.rank).heartbeat) table.write(slot.rank, slot);
  }
}

class Hub : public HostLink {
 public:
  Hub(std::unique_ptr<HubListener> listener, uint64_t nonce, std::vector<int> leaders, int my_leader)
      : listener_(std::move(listener)),
        nonce_(nonce),
        leaders_(std::move(leaders)),
        my_leader_(my_leader),
        pace_(period_s(leaders_.size(), hosts_of(leaders_))) {}

  void step(SlotTable& table) override {
    for (int descriptor = listener_->accept_one(); descriptor >= 0; descriptor = listener_->accept_one()) {
      peers_.push_back({std::make_unique<SlotStream>(descriptor, static_cast<int>(leaders_.size())), -1});
      peers_.back().stream->greet(nonce_);
    }
    for (Peer& peer : peers_) {
      if (!peer.stream->has_greeted(nonce_)) continue;
      const std::vector<RankSlot> slots = peer.stream->receive();
      if (!slots.empty() && slots.front().rank >= 0 && static_cast<size_t>(slots.front().rank) < leaders_.size()) {
        peer.leader = leaders_[static_cast<size_t>(slots.front().rank)];
      }
      take_in(table, slots, leaders_, my_leader_);
    }
    std::erase_if(peers_, [](const Peer& peer) { return !peer.stream->is_open(); });
    if (pace_.due()) send_all(table);
  }

 private:
  struct Peer {
    std::unique_ptr<SlotStream> stream;
    int leader;  // of its host; -1 until it has sent slots
  };

  void send_all(SlotTable& table) {
    for (Peer& peer : peers_) {
      if (peer.leader < 0) continue;
      peer.stream->send(collect(table, leaders_.size(), [&](size_t rank) { return leaders_[rank] != peer.leader; }));
    }
  }

  std::unique_ptr<HubListener> listener_;
  uint64_t nonce_;
  std::vector<int> leaders_;
  int my_leader_;
  Pace pace_;
  std::vector<Peer> peers_;
};

class Leaf : public HostLink {
 public:
  Leaf(HubAddress hub, uint64_t nonce, std::vector<int> leaders, int my_leader)
      : hub_(std::move(hub)),
        nonce_(nonce),
        leaders_(std::move(leaders)),
        my_leader_(my_leader),
        pace_(period_s(leaders_.size(), hosts_of(leaders_))) {}

  void rest() override {
    stream_.reset();
    patience_end_ = {};
  }

  void step(SlotTable& table) override {
    if (!stream_ || !stream_->is_open() || (!greeted_ && Clock::now() > patience_end_)) connect_next();
    if (!stream_) return;
    stream_->flush();
    if (!stream_->has_greeted(nonce_)) return;
    greeted_ = true;
    take_in(table, stream_->receive(), leaders_, my_leader_);
    if (pace_.due()) {
      stream_->send(collect(table, leaders_.size(), [&](size_t rank) { return leaders_[rank] == my_leader_; }));
    }
  }

 private:
  void connect_next() {
    if (hub_.addresses.empty() || Clock::now() < patience_end_) return;
    patience_end_ = Clock::now() + kConnectPatience;
    greeted_ = false;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(hub_.port);
    inet_pton(AF_INET, hub_.addresses[attempt_++ % hub_.addresses.size()].c_str(), &address.sin_addr);
    const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return;
    stream_ = std::make_unique<SlotStream>(descriptor, static_cast<int>(leaders_.size()));
    if (connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 && errno != EINPROGRESS) {
      stream_.reset();
    } else {
      stream_->greet(nonce_);
    }
  }

  HubAddress hub_;
  uint64_t nonce_;
  std::vector<int> leaders_;
  int my_leader_;
  Pace pace_;
  std::unique_ptr<SlotStream> stream_;
  bool greeted_ = false;
  size_t attempt_ = 0;
  Clock::time_point patience_end_{};
};

}  // namespace

std::string HubAddress::text() const {
  std::string text = std::to_string(port);
  for (const std::string& address : addresses) text += " " + address;
  return text;
}

HubAddress HubAddress::parse(const std::string& text) {
  HubAddress hub;
  std::istringstream words(text);
  words >> hub.port;
  for (std::string address; words >> address;) hub.addresses.push_back(address);
  return hub;
}

HubListener::HubListener() : descriptor_(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
  sockaddr_in any{};
  any.sin_family = AF_INET;
  if (descriptor_ < 0 || bind(descriptor_, reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0 || listen(descriptor_, 128) != 0) {
    const std::string problem = system_error_text();
    if (descriptor_ >= 0) close(descriptor_);
    throw Error(ErrorKind::runtime, "the watchdog cannot listen: " + problem);
  }
}

HubListener::~HubListener() { close(descriptor_); }

HubAddress HubListener::address() const {
  HubAddress hub;
  sockaddr_in bound{};
  socklen_t length = sizeof bound;
  getsockname(descriptor_, reinterpret_cast<sockaddr*>(&bound), &length);
  hub.port = ntohs(bound.sin_port);
  ifaddrs* interfaces = nullptr;
  if (getifaddrs(&interfaces) != 0) return hub;
  for (const ifaddrs* entry = interfaces; entry; entry = entry->ifa_next) {
    const bool usable = entry->ifa_addr && entry->ifa_addr->sa_family == AF_INET && (entry->ifa_flags & IFF_UP);
    if (!usable || (entry->ifa_flags & IFF_LOOPBACK)) continue;
    char text[INET_ADDRSTRLEN] = "";
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(entry->ifa_addr)->sin_addr, text, sizeof text);
    hub.addresses.emplace_back(text);
  }
  freeifaddrs(interfaces);
  return hub;
}

int HubListener::accept_one() const { return accept4(descriptor_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC); }

std::unique_ptr<HostLink> make_hub(std::unique_ptr<HubListener> listener, uint64_t nonce, std::vector<int> leaders, int my_leader) {
  return std::make_unique<Hub>(std::move(listener), nonce, std::move(leaders), my_leader);
}

std::unique_ptr<HostLink> make_leaf(HubAddress hub, uint64_t nonce, std::vector<int> leaders, int my_leader) {
  return std::make_unique<Leaf>(std::move(hub), nonce, std::move(leaders), my_leader);
}

}  // namespace tessera::distributed::watchdog
