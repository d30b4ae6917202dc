// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "distributed/watchdog/link.h"

namespace tessera::distributed::watchdog {
namespace {

struct FrameHeader {
  uint64_t slots = 0;
};

void append(std::vector<std::byte>& to, const void* data, size_t size_bytes) {
  const size_t before = to.size();
  to.resize(before + size_bytes);
  if (size_bytes > 0) std::memcpy(to.data() + before, data, size_bytes);
}

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ENOTCONN; }

}  // namespace

SlotStream::SlotStream(int descriptor, int ranks) : descriptor_(descriptor), ranks_(static_cast<size_t>(ranks)) {}

SlotStream::~SlotStream() { close(); }

void SlotStream::close() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

void SlotStream::greet(uint64_t nonce) {
  append(out_, &nonce, sizeof nonce);
  flush();
}

bool SlotStream::has_greeted(uint64_t nonce) {
  fill();
  if (greeted_ || in_.size() < sizeof nonce) return greeted_;
  if (std::memcmp(in_.data(), &nonce, sizeof nonce) != 0) {
    close();
    return false;
  }
  in_.erase(in_.begin(), in_.begin() + sizeof nonce);
  greeted_ = true;
  return true;
}

void SlotStream::send(const std::vector<RankSlot>& slots) {
  flush();
  if (!is_open() || !out_.empty()) return;
  const FrameHeader header{slots.size()};
  append(out_, &header, sizeof header);
  append(out_, slots.data(), slots.size() * sizeof(RankSlot));
  flush();
}

void SlotStream::flush() {
  while (is_open() && !out_.empty()) {
    const ssize_t sent = ::send(descriptor_, out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent <= 0) {
      if (!would_block()) close();
      return;
    }
    out_.erase(out_.begin(), out_.begin() + sent);
  }
}

void SlotStream::fill() {
  std::byte block[16 << 10];
  while (is_open()) {
    const ssize_t got = ::recv(descriptor_, block, sizeof block, MSG_DONTWAIT);
    if (got > 0) {
      append(in_, block, static_cast<size_t>(got));
    } else {
      if (got == 0 || !would_block()) close();
      return;
    }
  }
}

std::vector<RankSlot> SlotStream::receive() {
  fill();
  std::vector<RankSlot> slots;
  size_t taken = 0;
  FrameHeader header;
  while (in_.size() - taken >= sizeof header) {
    std::memcpy(&header, in_.data() + taken, sizeof header);
    if (header.slots > ranks_) {
      close();
      break;
    }
    const size_t frame_bytes = sizeof header + header.slots * sizeof(RankSlot);
    if (in_.size() - taken < frame_bytes) break;
    const size_t before = slots.size();
    slots.resize(before + header.slots);
    std::memcpy(static_cast<void*>(slots.data() + before), in_.data() + taken + sizeof header, frame_bytes - sizeof header);
    taken += frame_bytes;
  }
  in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(taken));
  return slots;
}

}  // namespace tessera::distributed::watchdog
