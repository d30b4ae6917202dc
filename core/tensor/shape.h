// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>

namespace tessera {

/// Up to kMaxDims dims held in place; used for shapes and for strides (both in elements). No allocation.
class Shape {
 public:
  static constexpr size_t kMaxDims = 6;

  Shape() = default;
  Shape(std::initializer_list<int64_t> dims);
  explicit Shape(std::span<const int64_t> dims);

  size_t dims() const { return count_; }
  int64_t operator[](size_t dim) const { return values_[dim]; }
  int64_t& operator[](size_t dim) { return values_[dim]; }
  const int64_t* begin() const { return values_.data(); }
  const int64_t* end() const { return values_.data() + count_; }

  /// Product of the dims; 1 for a scalar.
  int64_t elements() const;

  bool operator==(const Shape& other) const;

  /// "[64, 1, 28, 28]"
  std::string text() const;

 private:
  std::array<int64_t, kMaxDims> values_{};
  uint32_t count_ = 0;
};

/// Row-major strides.
Shape contiguous_strides(const Shape& shape);

/// Strides of logical [N, C, H, W] stored as N, H, W, C: how images lie in memory throughout Tessera.
Shape channels_last_strides(const Shape& shape);

/// Strides under which the elements of (shape, strides) read in row-major order have the shape `target` (of as many elements); nothing where
/// only a copy can have it.
std::optional<Shape> view_strides(const Shape& shape, const Shape& strides, const Shape& target);

}  // namespace tessera
