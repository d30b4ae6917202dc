// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/kernels/cpu/simd/math.h"

TESSERA_ISA_BEGIN
namespace {

/// log(x), within 2 ulp; -infinity at 0, NaN below 0 and for NaN. With x = 2^n * (1 + f), s = f / (2 + f): log(1 + f) = 2 * atanh(s), of whose
/// series four terms beyond the first are left of |s| < 0.172.
inline float log_f32(float x) {
  constexpr float kLn2High = 0x1.63p-1f, kLn2Low = -0x1.bd0106p-13f;
  constexpr uint32_t kRootHalf = 0x3f3504f3;  // sqrt(1/2): mantissas are taken from there to sqrt(2)
  const bool tiny = x < 0x1.0p-126f;
  const uint32_t bits = __builtin_bit_cast(uint32_t, select(tiny, x * 0x1.0p25f, x)) - kRootHalf;
  const float n = static_cast<float>(static_cast<int32_t>(bits) >> 23) - select(tiny, 25.0f, 0.0f);
  const float f = __builtin_bit_cast(float, (bits & 0x7fffffu) + kRootHalf) - 1.0f;
  const float s = f / (2.0f + f);
  const float z = s * s;
  const float r = z * (0x1.555556p-1f + z * (0x1.99999ap-2f + z * (0x1.24924ap-2f + z * 0x1.c71c72p-3f)));
  const float half_square = 0.5f * f * f;
  float result = n * kLn2High - ((half_square - (s * (half_square + r) + n * kLn2Low)) - f);
  result = select(x == 0.0f, -__builtin_inff(), result);
  result = select(x == __builtin_inff(), x, result);
  return select(x < 0.0f || x != x, __builtin_nanf(""), result);
}

}  // namespace
TESSERA_ISA_END
