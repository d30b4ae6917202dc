// SPDX-License-Identifier: Apache-2.0
#include "core/tensor/allocator.h"

#include <sys/mman.h>

#include <atomic>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/error.h"

namespace tessera {
namespace {

thread_local MemoryCategory current_category = MemoryCategory::activations;

/// Four size classes between powers of two: at most a fifth of a block is slack.
constexpr size_t kSmallestClass_bytes = 64;
constexpr size_t kClasses = 4 * 48;

struct SizeClass {
  size_t index;
  size_t bytes;
};

SizeClass class_of(size_t size_bytes) {
  if (size_bytes <= kSmallestClass_bytes) return {0, kSmallestClass_bytes};
  const size_t octave = static_cast<size_t>(std::bit_width(size_bytes - 1)) - 1;  // 2^octave < size <= 2^(octave+1)
  const size_t base = size_t{1} << octave;
  const size_t quarter = base / 4;
  const size_t step = (size_bytes - base + quarter - 1) / quarter;  // 1..4
  return {(octave - 6) * 4 + step, base + step * quarter};
}

/// Size of the blocks of a class: the inverse of class_of().
size_t bytes_of(size_t index) {
  if (index == 0) return kSmallestClass_bytes;
  const size_t base = size_t{1} << (6 + (index - 1) / 4);
  return base + ((index - 1) % 4 + 1) * (base / 4);
}

struct Counters {
  std::array<std::atomic<size_t>, kMemoryCategories> live{};
  std::array<std::atomic<size_t>, kMemoryCategories> peak{};
  std::atomic<size_t> cached{0};
};

Counters& counters() {
  static Counters instance;
  return instance;
}

using FreeBlocks = std::array<std::vector<void*>, kClasses>;

/// Blocks that any thread may take.
class SharedCache {
 public:
  void* take(size_t index) {
    const std::lock_guard lock(mutex_);
    auto& blocks = free_[index];
    if (blocks.empty()) return nullptr;
    void* block = blocks.back();
    blocks.pop_back();
    return block;
  }

  void give(size_t index, void* block) {
    const std::lock_guard lock(mutex_);
    free_[index].push_back(block);
  }

  void release() {
    const std::lock_guard lock(mutex_);
    for (size_t index = 0; index < kClasses; ++index) {
      counters().cached.fetch_sub(free_[index].size() * bytes_of(index), std::memory_order_relaxed);
      for (void* block : free_[index]) std::free(block);
      free_[index].clear();
    }
  }

 private:
  std::mutex mutex_;
  FreeBlocks free_;
};

/// Never destroyed: tensors with static storage may be freed after main().
SharedCache& shared_cache() {
  static SharedCache* instance = new SharedCache;
  return *instance;
}

/// A few small blocks that a thread keeps to itself, so that the many small tensors of a step need no lock. What is too much, and what
/// is left when the thread ends, goes to the shared cache: blocks that one thread allocates and another frees go round.
struct ThreadCache {
  static constexpr size_t kMost_blocks = 16;
  static constexpr size_t kLargestClass = 4 * 10;  // 64 KiB

  std::array<std::array<void*, kMost_blocks>, kLargestClass + 1> free;
  std::array<uint8_t, kLargestClass + 1> count;
  bool closed;  ///< the thread is ending

  void* take(size_t index) {
    if (index > kLargestClass || count[index] == 0) return nullptr;
    return free[index][--count[index]];
  }

  bool give(size_t index, void* block) {
    if (index > kLargestClass || closed || count[index] == kMost_blocks) return false;
    free[index][count[index]++] = block;
    return true;
  }

  void flush() {
    for (size_t index = 0; index <= kLargestClass; ++index) {
      while (void* block = take(index)) shared_cache().give(index, block);
    }
  }
};

thread_local constinit ThreadCache thread_cache{};  // no constructor, no destructor: usable to the very end of a thread

struct FlushAtThreadEnd {
  ~FlushAtThreadEnd() {
    thread_cache.flush();
    thread_cache.closed = true;
  }
};

void* take_block(size_t index) {
  void* block = thread_cache.take(index);
  return block ? block : shared_cache().take(index);
}

void give_block(size_t index, void* block) {
  static thread_local FlushAtThreadEnd flush;
  if (!thread_cache.give(index, block)) shared_cache().give(index, block);
}

void count_live(MemoryCategory category, size_t bytes) {
  const auto slot = static_cast<size_t>(category);
  const size_t live = counters().live[slot].fetch_add(bytes, std::memory_order_relaxed) + bytes;
  size_t peak = counters().peak[slot].load(std::memory_order_relaxed);
  while (live > peak && !counters().peak[slot].compare_exchange_weak(peak, live, std::memory_order_relaxed)) {
  }
}

}  // namespace

std::string_view name_of(MemoryCategory category) {
  switch (category) {
    case MemoryCategory::parameters: return "parameters";
    case MemoryCategory::gradients: return "gradients";
    case MemoryCategory::optimizer: return "optimizer";
    case MemoryCategory::activations: return "activations";
    case MemoryCategory::communication: return "communication";
    case MemoryCategory::workspace: return "workspace";
    case MemoryCategory::data: return "data";
  }
  return "?";
}

/// Large blocks lie on huge pages where the system has some to give: passes over them then wait less for address translation.
void* new_block(size_t size_bytes) {
  constexpr size_t kHugePage_bytes = size_t{2} << 20;
  const bool large = size_bytes >= kHugePage_bytes;
  void* block = nullptr;
  if (posix_memalign(&block, large ? kHugePage_bytes : kAlignmentBytes, size_bytes) != 0) return nullptr;
  if (large) madvise(block, size_bytes, MADV_HUGEPAGE);  // advice: failure changes nothing
  return block;
}

void* allocate_bytes(size_t size_bytes, MemoryCategory category) {
  const SizeClass size_class = class_of(size_bytes);
  void* block = take_block(size_class.index);
  if (block) {
    counters().cached.fetch_sub(size_class.bytes, std::memory_order_relaxed);
  } else {
    block = new_block(size_class.bytes);
    if (!block) {
      throw Error(ErrorKind::runtime, "out of memory: " + std::to_string(size_bytes) + " bytes for " + std::string(name_of(category)),
                  {}, "lower batch.micro_samples or give the job more memory");
    }
  }
  count_live(category, size_class.bytes);
  return block;
}

void free_bytes(void* block, size_t size_bytes, MemoryCategory category) {
  const SizeClass size_class = class_of(size_bytes);
  counters().live[static_cast<size_t>(category)].fetch_sub(size_class.bytes, std::memory_order_relaxed);
  counters().cached.fetch_add(size_class.bytes, std::memory_order_relaxed);
  give_block(size_class.index, block);
}

void count_bytes_from_elsewhere(MemoryCategory category, ptrdiff_t bytes) {
  count_live(category, static_cast<size_t>(bytes));  // modulo 2^64
}

MemoryUse memory_use() {
  MemoryUse use;
  for (size_t slot = 0; slot < kMemoryCategories; ++slot) {
    use.live_bytes[slot] = counters().live[slot].load(std::memory_order_relaxed);
    use.peak_bytes[slot] = counters().peak[slot].load(std::memory_order_relaxed);
  }
  use.cached_bytes = counters().cached.load(std::memory_order_relaxed);
  return use;
}

void release_cached_memory() {
  thread_cache.flush();
  shared_cache().release();
}

MemoryScope::MemoryScope(MemoryCategory category) : previous_(current_category) { current_category = category; }
MemoryScope::~MemoryScope() { current_category = previous_; }
MemoryCategory MemoryScope::current() { return current_category; }

}  // namespace tessera
