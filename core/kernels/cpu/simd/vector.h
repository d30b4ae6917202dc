// SPDX-License-Identifier: Apache-2.0
// A register of f32 numbers, for kernels that must place their data themselves. Elsewhere plain loops are left to the compiler.
#pragma once

#include <immintrin.h>

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
typedef float UnalignedVector __attribute__((vector_size(kLanes * sizeof(float)), aligned(alignof(float)), may_alias));

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

/// a * b + c, rounded once; by the baseline, which has no such instruction, twice.
inline float multiply_add(float a, float b, float c) {
#if defined(__FMA__)
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}

inline Vector multiply_add(Vector a, Vector b, Vector c) {
#if defined(__AVX512F__)
  return reinterpret_cast<Vector>(_mm512_fmadd_ps(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b), reinterpret_cast<__m512>(c)));
#elif defined(__FMA__)
  return reinterpret_cast<Vector>(_mm256_fmadd_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b), reinterpret_cast<__m256>(c)));
#else
  return a * b + c;
#endif
}

/// value[from[lane]] in every lane.
inline Vector choose(Vector value, IntVector from) {
#if defined(__clang__)  // which shuffles by constants alone
  Vector chosen{};
  for (int lane = 0; lane < kLanes; ++lane) chosen[lane] = value[from[lane]];
  return chosen;
#else
  return __builtin_shuffle(value, from);
#endif
}

// Integers in 0..255 kept as bytes. GCC's own conversion takes them apart one by one. (Masks that hide nothing keep GCC 12 from
// false alarms in its own header.)
#if defined(__AVX512F__)
inline IntVector widen(const uint8_t* from) {
  return reinterpret_cast<IntVector>(_mm512_maskz_cvtepu8_epi32(0xffff, _mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
}
inline void narrow(uint8_t* to, IntVector value) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_maskz_cvtepi32_epi8(0xffff, reinterpret_cast<__m512i>(value)));
}
#elif defined(__AVX2__)
inline IntVector widen(const uint8_t* from) {
  return reinterpret_cast<IntVector>(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from))));
}
inline void narrow(uint8_t* to, IntVector value) {
  const __m256i wide = reinterpret_cast<__m256i>(value);
  const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(wide), _mm256_extracti128_si256(wide, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_packus_epi16(words, words));
}
#else
inline IntVector widen(const uint8_t* from) { return IntVector{from[0], from[1], from[2], from[3]}; }
inline void narrow(uint8_t* to, IntVector value) {
  for (int lane = 0; lane < kLanes; ++lane) to[lane] = static_cast<uint8_t>(value[lane]);
}
#endif

template <typename Integer>
inline Integer load_bytes(const uint8_t* from) {
  if constexpr (sizeof(Integer) == sizeof(int32_t)) {
    return *from;
  } else {
    return widen(from);
  }
}

inline void store_bytes(uint8_t* to, int32_t value) { *to = static_cast<uint8_t>(value); }
inline void store_bytes(uint8_t* to, IntVector value) { narrow(to, value); }

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
