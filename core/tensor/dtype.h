// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tessera {

enum class DType : uint8_t { f32, bf16, f16, i64, i32, u8, boolean };

enum class Device : uint8_t { cpu, cuda };

size_t size_bytes_of(DType dtype);

/// "f32", "bf16", "f16", "i64", "i32", "u8", "bool".
std::string_view name_of(DType dtype);

/// The dtype that a C++ element type stands for.
template <typename Element>
constexpr DType dtype_of();
template <>
constexpr DType dtype_of<float>() {
  return DType::f32;
}
template <>
constexpr DType dtype_of<int64_t>() {
  return DType::i64;
}
template <>
constexpr DType dtype_of<int32_t>() {
  return DType::i32;
}
template <>
constexpr DType dtype_of<uint8_t>() {
  return DType::u8;
}
template <>
constexpr DType dtype_of<bool>() {
  return DType::boolean;
}

}  // namespace tessera
