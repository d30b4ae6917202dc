// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/state.h"

#include <algorithm>
#include <array>
#include <set>

#include "core/base/error.h"

namespace tessera::checkpoint {
namespace {

/// floor(total * part / parts) without overflow.
uint64_t cut_at(uint64_t total, uint64_t part, uint64_t parts) { return total / parts * part + total % parts * part / parts; }

Slice slice_of(const StateEntry& entry, int64_t begin, int64_t end) {
  const Tensor flat = contiguous(entry.tensor).reshape({entry.tensor.elements()});
  return {entry.name, entry.role, entry.tensor.shape(), begin, flat.narrow(0, begin, end - begin)};
}

}  // namespace

std::string_view name_of(TensorRole role) {
  static constexpr std::array<std::string_view, 6> kNames{"parameter", "buffer", "optimizer", "grid", "average", "other"};
  return kNames[static_cast<size_t>(role)];
}

std::vector<StateEntry> without_ties(std::span<const StateEntry> entries) {
  std::vector<StateEntry> distinct;
  std::set<const std::byte*> seen;
  for (const StateEntry& entry : entries) {
    if (entry.tensor.elements() == 0 || seen.insert(entry.tensor.bytes()).second) distinct.push_back(entry);
  }
  return distinct;
}

std::vector<Slice> plan_part(std::span<const StateEntry> entries, int part, int parts) {
  TESSERA_ASSERT(parts > 0 && part >= 0 && part < parts, "checkpoint part out of range");
  const std::vector<StateEntry> distinct = without_ties(entries);
  uint64_t total_bytes = 0;
  for (const StateEntry& entry : distinct) total_bytes += entry.tensor.size_bytes();
  const uint64_t first = cut_at(total_bytes, static_cast<uint64_t>(part), static_cast<uint64_t>(parts));
  const uint64_t last = cut_at(total_bytes, static_cast<uint64_t>(part) + 1, static_cast<uint64_t>(parts));

  std::vector<Slice> slices;
  uint64_t start = 0;  // of the entry, in the concatenated bytes
  for (const StateEntry& entry : distinct) {
    const uint64_t size = entry.tensor.size_bytes();
    const uint64_t element = size_bytes_of(entry.tensor.dtype());
    // Both ends are rounded down, so the end of a part is the beginning of the next.
    const uint64_t begin = (std::clamp(first, start, start + size) - start) / element;
    const uint64_t end = (std::clamp(last, start, start + size) - start) / element;
    const bool is_empty_here = size == 0 && part == 0;
    if (begin < end || is_empty_here) slices.push_back(slice_of(entry, static_cast<int64_t>(begin), static_cast<int64_t>(end)));
    start += size;
  }
  return slices;
}

}  // namespace tessera::checkpoint
