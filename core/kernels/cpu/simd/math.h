// SPDX-License-Identifier: Apache-2.0
// exp, tanh and what is made of them in plain f32 arithmetic that the compiler vectorises: no branches, no table, no fused multiply-add, so that every
// instruction set and every place in a vector gives the same bits. Coefficients are Chebyshev fits made for these ranges.
#pragma once

#include "core/kernels/cpu/simd/isa.h"

TESSERA_ISA_BEGIN
namespace {

inline float select(bool condition, float yes, float no) { return condition ? yes : no; }

/// exp(x), within 2 ulp; 0 below -87.3, infinity above 88.7, NaN for NaN.
inline float exp_f32(float x) {
  constexpr float kLog2E = 0x1.715476p+0f, kLn2High = 0x1.63p-1f, kLn2Low = -0x1.bd0106p-13f;
  constexpr float kRound = 0x1.8p23f;  // adding it rounds to an integer
  float limited = select(x < -87.3f, -87.3f, x);
  limited = select(limited > 88.7f, 88.7f, limited);
  const float shifted = limited * kLog2E + kRound;
  const float n = shifted - kRound;
  const float r = (limited - n * kLn2High) - n * kLn2Low;
  float p = 0x1.6d15f8p-10f;
  p = p * r + 0x1.12105cp-7f;
  p = p * r + 0x1.555516p-5f;
  p = p * r + 0x1.5554d8p-3f;
  p = p * r + 0.5f;
  p = p * (r * r) + r + 1.0f;
  // 2^n in two factors: n reaches 128, one more than an exponent holds.
  const int exponent = __builtin_bit_cast(int, shifted) - __builtin_bit_cast(int, kRound);
  const int half = exponent >> 1;
  const float scale1 = __builtin_bit_cast(float, (half + 127) << 23);
  const float scale2 = __builtin_bit_cast(float, (exponent - half + 127) << 23);
  float result = p * scale1 * scale2;
  result = select(x < -87.3f, 0.0f, result);
  result = select(x > 88.72283f, __builtin_inff(), result);
  return select(x != x, x, result);
}

/// tanh(x), within 2 ulp.
inline float tanh_f32(float x) {
  const float magnitude = __builtin_fabsf(x);
  const float u = x * x;
  float p = 0x1.2977d8p-9f;
  p = p * u - 0x1.10bbf4p-7f;
  p = p * u + 0x1.648e8ep-6f;
  p = p * u - 0x1.ba0718p-5f;
  p = p * u + 0x1.1110e4p-3f;
  p = p * u - 0x1.555556p-2f;
  const float near_zero = x + x * u * p;
  const float far = 1.0f - 2.0f / (exp_f32(2.0f * magnitude) + 1.0f);
  const float signed_far = select(x < 0.0f, -far, far);
  return select(magnitude < 0.625f, near_zero, signed_far);
}

inline float sigmoid_f32(float x) { return 1.0f / (1.0f + exp_f32(-x)); }

/// log(1 + u) for u in [0, 1], within 2 ulp: 2 artanh(s), s = u / (2 + u).
inline float log1p_f32(float u) {
  const float s = u / (2.0f + u);
  const float v = s * s;
  float p = 0x1.dbd24ep-4f;
  p = p * v + 0x1.bc826p-4f;
  p = p * v + 0x1.24c984p-3f;
  p = p * v + 0x1.9998d2p-3f;
  p = p * v + 0x1.555556p-2f;
  const float half = s + s * v * p;
  return half + half;
}

/// log(1 + exp(x)); NaN for NaN.
inline float softplus_f32(float x) {
  return select(x > 0.0f, x, 0.0f) + log1p_f32(exp_f32(-__builtin_fabsf(x)));
}

/// Distribution and density of the standard normal, for GELU.
struct Normal {
  float distribution, density;
};

inline Normal normal_f32(float x) {
  const float magnitude = __builtin_fabsf(x);
  const float bell = exp_f32(-0.5f * x * x);
  const float t = 1.0f / (1.0f + 0.3f * magnitude);
  float p = -0x1.516cc8p-6f;
  p = p * t + 0x1.cbdffcp-4f;
  p = p * t - 0x1.d292c6p-3f;
  p = p * t + 0x1.87a6c2p-3f;
  p = p * t - 0x1.435d78p-4f;
  p = p * t + 0x1.88c244p-4f;
  p = p * t + 0x1.417bd6p-4f;
  p = p * t + 0x1.c36f1ap-4f;
  p = p * t + 0x1.e9c712p-4f;
  p = p * t + 0x1.ea3c6ep-4f;
  const float tail = bell * (p * t);
  return {select(x > 0.0f, 1.0f - tail, tail), bell * 0x1.988454p-2f};
}

}  // namespace
TESSERA_ISA_END
