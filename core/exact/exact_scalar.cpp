// SPDX-License-Identifier: Apache-2.0
#include "core/exact/exact_scalar.h"

#include <bit>
#include <cmath>
#include <limits>

namespace tessera {
namespace {

constexpr int kLowestExponent = -352;  // weight of bit 0 of limb 0
constexpr int kLimbBits = 32;
constexpr int kHighestExponent = 352;
constexpr int64_t kLimbMask = (int64_t{1} << kLimbBits) - 1;

}  // namespace

void ExactScalar::add(double value) {
  if (value == 0.0) return;
  if (!std::isfinite(value) || std::fabs(value) >= std::ldexp(1.0, kHighestExponent)) {
    ++words_[kLimbs];
    return;
  }
  int exponent = 0;
  // |value| = mantissa * 2^(exponent - 53), the mantissa an integer below 2^53.
  auto mantissa = static_cast<uint64_t>(std::ldexp(std::frexp(std::fabs(value), &exponent), 53));
  int position = exponent - 53 - kLowestExponent;
  if (position < 0) {
    if (position <= -53) return;
    mantissa >>= -position;
    position = 0;
  }
  const size_t limb = static_cast<size_t>(position / kLimbBits);
  const int shift = position % kLimbBits;
  const unsigned __int128 shifted = static_cast<unsigned __int128>(mantissa) << shift;  // up to 84 bits: three limbs
  const int64_t sign = value < 0.0 ? -1 : 1;
  for (size_t i = 0; i < 3 && limb + i < kLimbs; ++i) {
    words_[limb + i] += sign * static_cast<int64_t>(static_cast<uint64_t>(shifted >> (kLimbBits * i)) & kLimbMask);
  }
}

void ExactScalar::merge(const ExactScalar& other) {
  for (size_t i = 0; i < kWords; ++i) words_[i] += other.words_[i];
}

double ExactScalar::value() const {
  if (words_[kLimbs] != 0) return std::numeric_limits<double>::quiet_NaN();
  // Carry upwards so that every limb but the last is in [0, 2^32): equal sums then have equal limbs, whatever was added how.
  std::array<int64_t, kLimbs> limbs{};
  int64_t carry = 0;
  for (size_t i = 0; i < kLimbs; ++i) {
    const int64_t sum = words_[i] + carry;
    limbs[i] = i + 1 < kLimbs ? (sum & kLimbMask) : sum;
    carry = i + 1 < kLimbs ? sum >> kLimbBits : 0;
  }
  const bool negative = limbs[kLimbs - 1] < 0;
  if (negative) {  // two's complement, to round magnitudes alike
    int64_t borrow = 0;
    for (size_t i = 0; i < kLimbs; ++i) {
      const int64_t difference = -limbs[i] - borrow;
      limbs[i] = i + 1 < kLimbs ? (difference & kLimbMask) : difference;
      borrow = difference < 0 ? 1 : 0;
    }
  }
  double total = 0.0;
  for (size_t i = 0; i < kLimbs; ++i) {
    total += std::ldexp(static_cast<double>(limbs[i]), kLowestExponent + kLimbBits * static_cast<int>(i));
  }
  return negative ? -total : total;
}

}  // namespace tessera
