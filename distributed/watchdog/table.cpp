// SPDX-License-Identifier: Apache-2.0
#include "distributed/watchdog/table.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstring>

#include "core/base/error.h"
#include "core/base/file.h"

namespace tessera::distributed::watchdog {
namespace {

constexpr size_t kWords = sizeof(RankSlot) / sizeof(uint64_t);
constexpr int kReadAttempts = 16;

}  // namespace

// A sequence lock: the version is odd while the words are being written, and even afterwards, also if two processes wrote
// at once. Zeroed memory is an empty slot.
struct SlotTable::Cell {
  std::atomic<uint64_t> version;
  std::atomic<uint64_t> words[kWords];
};
static_assert(std::atomic<uint64_t>::is_always_lock_free);

SlotTable::SlotTable(const std::string& name, int ranks, bool create)
    : name_(name), size_bytes_(sizeof(Cell) * static_cast<size_t>(ranks)), last_(static_cast<size_t>(ranks)) {
  const int descriptor = shm_open(name.c_str(), create ? O_RDWR | O_CREAT | O_EXCL : O_RDWR, 0600);
  if (descriptor < 0) throw Error(ErrorKind::runtime, "cannot open shared memory: " + system_error_text(), "/dev/shm" + name);
  const bool sized = !create || ftruncate(descriptor, static_cast<off_t>(size_bytes_)) == 0;
  void* memory = sized ? mmap(nullptr, size_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0) : MAP_FAILED;
  const std::string problem = system_error_text();
  close(descriptor);
  if (memory == MAP_FAILED) {
    if (create) shm_unlink(name.c_str());
    throw Error(ErrorKind::runtime, "cannot map shared memory: " + problem, "/dev/shm" + name);
  }
  cells_ = static_cast<Cell*>(memory);
}

SlotTable::~SlotTable() { munmap(static_cast<void*>(cells_), size_bytes_); }

void SlotTable::unlink() const { shm_unlink(name_.c_str()); }

void SlotTable::write(int rank, const RankSlot& slot) {
  Cell& cell = cells_[rank];
  uint64_t words[kWords];
  std::memcpy(words, &slot, sizeof slot);
  const uint64_t writing = cell.version.load(std::memory_order_relaxed) | 1;
  cell.version.store(writing, std::memory_order_relaxed);
  // Release and acquire on every word: who sees a new word also sees the odd version.
  for (size_t i = 0; i < kWords; ++i) cell.words[i].store(words[i], std::memory_order_release);
  cell.version.store(writing + 1, std::memory_order_release);
}

RankSlot SlotTable::read(int rank) {
  const Cell& cell = cells_[rank];
  RankSlot& last = last_[static_cast<size_t>(rank)];
  uint64_t words[kWords];
  for (int attempt = 0; attempt < kReadAttempts; ++attempt) {
    const uint64_t before = cell.version.load(std::memory_order_acquire);
    if (before == 0) return last;
    if (before % 2 == 1) continue;
    for (size_t i = 0; i < kWords; ++i) words[i] = cell.words[i].load(std::memory_order_acquire);
    if (cell.version.load(std::memory_order_relaxed) != before) continue;
    std::memcpy(static_cast<void*>(&last), words, sizeof last);
    break;
  }
  return last;
}

}  // namespace tessera::distributed::watchdog
