// SPDX-License-Identifier: Apache-2.0
// Typed ranges of host memory for collectives: pointer, element type, element count, and who keeps the memory alive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace tessera::distributed {

enum class ElementType : uint8_t { f32, f64, i64, i32, u32, u8, byte };

size_t size_bytes_of(ElementType type);
/// "f32", "f64", "i64", "i32", "u32", "u8", "byte".
std::string_view name_of(ElementType type);

template <typename Element>
constexpr ElementType element_type_of() {
  using Plain = std::remove_cv_t<Element>;
  if constexpr (std::is_same_v<Plain, float>)
    return ElementType::f32;
  else if constexpr (std::is_same_v<Plain, double>)
    return ElementType::f64;
  else if constexpr (std::is_same_v<Plain, int64_t>)
    return ElementType::i64;
  else if constexpr (std::is_same_v<Plain, int32_t>)
    return ElementType::i32;
  else if constexpr (std::is_same_v<Plain, uint32_t>)
    return ElementType::u32;
  else if constexpr (std::is_same_v<Plain, uint8_t>)
    return ElementType::u8;
  else {
    static_assert(std::is_same_v<Plain, std::byte>, "collectives move float, double, integers of 8, 32, 64 bits, and bytes");
    return ElementType::byte;
  }
}

/// Keeps memory alive until the work is over, even if it is abandoned. Memory without an owner must outlive the Runtime
/// when a work on it may be abandoned, and the work otherwise.
using Owner = std::shared_ptr<const void>;

/// Memory that a collective reads.
class ConstBuffer {
 public:
  ConstBuffer() = default;
  template <typename Element>
  ConstBuffer(std::span<Element> elements, Owner owner = {})
      : ConstBuffer(reinterpret_cast<const std::byte*>(elements.data()), elements.size(), element_type_of<Element>(), std::move(owner)) {}
  /// Vectors and arrays.
  template <typename Range>
  requires requires(const Range& range) { std::span(range); }
  ConstBuffer(const Range& range, Owner owner = {}) : ConstBuffer(std::span(range), std::move(owner)) {}
  ConstBuffer(const std::byte* data, size_t elements, ElementType type, Owner owner)
      : data_(data), elements_(elements), type_(type), owner_(std::move(owner)) {}

  const std::byte* data() const { return data_; }
  size_t elements() const { return elements_; }
  size_t size_bytes() const { return elements_ * size_bytes_of(type_); }
  ElementType type() const { return type_; }
  const Owner& owner() const { return owner_; }

 private:
  const std::byte* data_ = nullptr;
  size_t elements_ = 0;
  ElementType type_ = ElementType::byte;
  Owner owner_;
};

/// Memory that a collective writes. It may be the same memory as the input ("in place").
class Buffer {
 public:
  Buffer() = default;
  template <typename Element>
  requires(!std::is_const_v<Element>) Buffer(std::span<Element> elements, Owner owner = {})
      : Buffer(reinterpret_cast<std::byte*>(elements.data()), elements.size(), element_type_of<Element>(), std::move(owner)) {}
  template <typename Range>
  requires requires(Range& range) { std::span(range); }
  Buffer(Range& range, Owner owner = {}) : Buffer(std::span(range), std::move(owner)) {}
  Buffer(std::byte* data, size_t elements, ElementType type, Owner owner)
      : data_(data), elements_(elements), type_(type), owner_(std::move(owner)) {}

  std::byte* data() const { return data_; }
  size_t elements() const { return elements_; }
  size_t size_bytes() const { return elements_ * size_bytes_of(type_); }
  ElementType type() const { return type_; }
  const Owner& owner() const { return owner_; }
  ConstBuffer as_const() const { return {data_, elements_, type_, owner_}; }

 private:
  std::byte* data_ = nullptr;
  size_t elements_ = 0;
  ElementType type_ = ElementType::byte;
  Owner owner_;
};

}  // namespace tessera::distributed
