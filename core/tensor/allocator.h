// SPDX-License-Identifier: Apache-2.0
// Host memory for tensors: 64-byte aligned blocks, kept in size classes for reuse, accounted by category.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tessera {

enum class MemoryCategory : uint8_t { parameters, gradients, optimizer, activations, communication, workspace, data };
inline constexpr size_t kMemoryCategories = 7;

std::string_view name_of(MemoryCategory category);

/// Every block starts on such a boundary; parameters in flat buffers are padded to it.
inline constexpr size_t kAlignmentBytes = 64;

/// Sums over the whole process.
struct MemoryUse {
  std::array<size_t, kMemoryCategories> live_bytes{};
  std::array<size_t, kMemoryCategories> peak_bytes{};
  size_t cached_bytes = 0;  ///< freed by tensors, kept for reuse
};

/// Thread-safe: any thread may allocate, any other may free. `allocate` throws Error(runtime) that names category and
/// size when the system has no memory.
void* allocate_bytes(size_t size_bytes, MemoryCategory category);
void free_bytes(void* block, size_t size_bytes, MemoryCategory category);

/// For tensors' memory that comes from elsewhere: counts it as live; negative when it goes.
void count_bytes_from_elsewhere(MemoryCategory category, ptrdiff_t bytes);

MemoryUse memory_use();
/// Gives cached blocks back to the system.
void release_cached_memory();

/// New tensors of this thread belong to `category` while the object lives.
class MemoryScope {
 public:
  explicit MemoryScope(MemoryCategory category);
  ~MemoryScope();
  MemoryScope(const MemoryScope&) = delete;
  MemoryScope& operator=(const MemoryScope&) = delete;

  static MemoryCategory current();

 private:
  MemoryCategory previous_;
};

}  // namespace tessera
