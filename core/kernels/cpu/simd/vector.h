// SPDX-License-Identifier: Apache-2.0
// A register of f32 numbers, for kernels that must place their data themselves. Elsewhere plain loops are left to the compiler.
#pragma once

#include "core/kernels/cpu/simd/isa.h"

TESSERA_ISA_BEGIN
namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

typedef float Vector __attribute__((vector_size(kLanes * sizeof(float))));
typedef int32_t IntVector __attribute__((vector_size(kLanes * sizeof(int32_t))));
typedef uint8_t ByteVector __attribute__((vector_size(kLanes)));
typedef float UnalignedVector __attribute__((vector_size(kLanes * sizeof(float)), aligned(alignof(float)), may_alias));
typedef uint8_t UnalignedBytes __attribute__((vector_size(kLanes), aligned(1), may_alias));

template <typename Value>
inline Value load(const float* from) {
  if constexpr (sizeof(Value) == sizeof(float)) {
    return *from;
  } else {
    return *reinterpret_cast<const UnalignedVector*>(from);
  }
}

inline void store(float* to, float value) { *to = value; }
inline void store(float* to, Vector value) { *reinterpret_cast<UnalignedVector*>(to) = value; }

/// Small integers kept as bytes.
template <typename Integer>
inline Integer load_bytes(const uint8_t* from) {
  if constexpr (sizeof(Integer) == sizeof(int32_t)) {
    return *from;
  } else {
    return __builtin_convertvector(static_cast<ByteVector>(*reinterpret_cast<const UnalignedBytes*>(from)), IntVector);
  }
}

inline void store_bytes(uint8_t* to, int32_t value) { *to = static_cast<uint8_t>(value); }
inline void store_bytes(uint8_t* to, IntVector value) {
  *reinterpret_cast<UnalignedBytes*>(to) = __builtin_convertvector(value, ByteVector);
}

/// `value` in the first `count` lanes, zero behind them.
inline Vector first_lanes(Vector value, int64_t count) {
  IntVector lane;
  for (int i = 0; i < kLanes; ++i) lane[i] = i;
  const IntVector kept = lane < static_cast<int32_t>(count < kLanes ? count : kLanes);
  return reinterpret_cast<Vector>(reinterpret_cast<IntVector>(value) & kept);
}
inline float first_lanes(float value, int64_t) { return value; }

}  // namespace
TESSERA_ISA_END
