// SPDX-License-Identifier: Apache-2.0
#include "core/tensor/allocator.h"

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

struct Counters {
  std::array<std::atomic<size_t>, kMemoryCategories> live{};
  std::array<std::atomic<size_t>, kMemoryCategories> peak{};
  std::atomic<size_t> cached{0};
};

Counters& counters() {
  static Counters instance;
  return instance;
}

class BlockCache {
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
    for (auto& blocks : free_) {
      for (void* block : blocks) std::free(block);
      blocks.clear();
    }
    counters().cached = 0;
  }

 private:
  std::mutex mutex_;
  std::array<std::vector<void*>, kClasses> free_;
};

/// Never destroyed: tensors with static storage may be freed after main().
BlockCache& cache() {
  static BlockCache* instance = new BlockCache;
  return *instance;
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

void* allocate_bytes(size_t size_bytes, MemoryCategory category) {
  const SizeClass size_class = class_of(size_bytes);
  void* block = cache().take(size_class.index);
  if (block) {
    counters().cached.fetch_sub(size_class.bytes, std::memory_order_relaxed);
  } else {
    block = std::aligned_alloc(kAlignmentBytes, (size_class.bytes + kAlignmentBytes - 1) / kAlignmentBytes * kAlignmentBytes);
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
  cache().give(size_class.index, block);
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

void release_cached_memory() { cache().release(); }

MemoryScope::MemoryScope(MemoryCategory category) : previous_(current_category) { current_category = category; }
MemoryScope::~MemoryScope() { current_category = previous_; }
MemoryCategory MemoryScope::current() { return current_category; }

}  // namespace tessera
