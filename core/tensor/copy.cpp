// SPDX-License-Identifier: Apache-2.0
#include "core/tensor/copy.h"

#include <algorithm>
#include <cstring>

#include "core/base/error.h"

namespace tessera {
namespace {

struct Axis {
  int64_t size, from, to;  ///< elements, and the two strides
};

/// Outermost first; the last two make the blocks that are copied at a time.
struct Axes {
  std::array<Axis, Shape::kMaxDims> values;
  size_t count = 0;
};

/// The dims in the order of the target's memory, those that are one range in both layouts taken together.
Axes merged_axes(const Shape& from, const Shape& to, const Shape& shape) {
  Axes axes;
  for (size_t dim = 0; dim < shape.dims(); ++dim) {
    if (shape[dim] != 1) axes.values[axes.count++] = {shape[dim], from[dim], to[dim]};
  }
  const auto begin = axes.values.begin();
  std::stable_sort(begin, begin + static_cast<ptrdiff_t>(axes.count), [](const Axis& a, const Axis& b) { return a.to > b.to; });
  size_t kept = 0;
  for (size_t i = 0; i < axes.count; ++i) {
    const Axis& inner = axes.values[i];
    Axis* outer = kept > 0 ? &axes.values[kept - 1] : nullptr;
    if (outer && outer->from == inner.size * inner.from && outer->to == inner.size * inner.to) {
      *outer = {outer->size * inner.size, inner.from, inner.to};
    } else {
      axes.values[kept++] = inner;
    }
  }
  axes.count = kept;
  return axes;
}

/// At least two axes, the last but one being that along which the source is nearest.
Axes block_axes(Axes axes) {
  const auto begin = axes.values.begin();
  for (; axes.count < 2; ++axes.count) {
    std::copy_backward(begin, begin + static_cast<ptrdiff_t>(axes.count), begin + static_cast<ptrdiff_t>(axes.count) + 1);
    axes.values[0] = {1, 0, 0};
  }
  const auto last = begin + static_cast<ptrdiff_t>(axes.count) - 1;
  const auto nearest = std::min_element(begin, last, [](const Axis& a, const Axis& b) { return a.from < b.from; });
  std::rotate(nearest, nearest + 1, last);
  return axes;
}

template <size_t kBytes>
ptrdiff_t offset(int64_t elements) {
  return static_cast<ptrdiff_t>(elements) * static_cast<ptrdiff_t>(kBytes);
}

template <size_t kBytes>
void copy_block(const std::byte* from, std::byte* to, const Axis outer, const Axis inner) {  // by value: bytes that are written could be theirs
  if (inner.from == 1 && inner.to == 1) {
    const auto row_bytes = static_cast<size_t>(inner.size) * kBytes;
    for (int64_t i = 0; i < outer.size; ++i) std::memcpy(to + offset<kBytes>(i * outer.to), from + offset<kBytes>(i * outer.from), row_bytes);
    return;
  }
  constexpr int64_t kSide = 32;  // of blocks that stay in the first cache, however far apart their lines are
  for (int64_t block = 0; block < outer.size; block += kSide) {
    const int64_t end = std::min(outer.size, block + kSide);
    for (int64_t start = 0; start < inner.size; start += kSide) {
      const int64_t stop = std::min(inner.size, start + kSide);
      for (int64_t i = block; i < end; ++i) {
        for (int64_t k = start; k < stop; ++k) {
          std::memcpy(to + offset<kBytes>(i * outer.to + k * inner.to), from + offset<kBytes>(i * outer.from + k * inner.from), kBytes);
        }
      }
    }
  }
}

template <size_t kBytes>
void copy_axes(const std::byte* from, std::byte* to, const Axis* axes, size_t count) {
  if (count == 2) return copy_block<kBytes>(from, to, axes[0], axes[1]);
  for (int64_t i = 0; i < axes[0].size; ++i) {
    copy_axes<kBytes>(from + offset<kBytes>(i * axes[0].from), to + offset<kBytes>(i * axes[0].to), axes + 1, count - 1);
  }
}

}  // namespace

void copy_strided(const std::byte* from, const Shape& from_strides, std::byte* to, const Shape& to_strides, const Shape& shape,
                  size_t element_bytes) {
  if (shape.elements() == 0) return;
  const Axes axes = block_axes(merged_axes(from_strides, to_strides, shape));
  switch (element_bytes) {
    case 1: return copy_axes<1>(from, to, axes.values.data(), axes.count);
    case 2: return copy_axes<2>(from, to, axes.values.data(), axes.count);
    case 4: return copy_axes<4>(from, to, axes.values.data(), axes.count);
    case 8: return copy_axes<8>(from, to, axes.values.data(), axes.count);
    default: TESSERA_ASSERT(false, "elements of this size cannot be copied");
  }
}

}  // namespace tessera
