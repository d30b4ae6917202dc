// SPDX-License-Identifier: Apache-2.0
// Sums of f64 numbers without rounding, so that their order and grouping cannot show.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace tessera {

/// A fixed-point number wide enough for every finite f64 between 2^-352 and 2^352 in magnitude (Kulisch's accumulator). Smaller parts
/// are dropped, larger and non-finite ones make the sum NaN. Each limb holds 32 bits of value and up to 2^30 additions of carry,
/// so that sums over ranks are plain int64 sums of limbs.
class ExactScalar {
 public:
  static constexpr size_t kLimbs = 23;
  static constexpr size_t kWords = kLimbs + 1;  ///< limbs and the count of unrepresentable terms

  void add(double value);
  void merge(const ExactScalar& other);
  /// The sum, rounded to f64; NaN where a term could not be represented.
  double value() const;

  /// For collectives: integer sums of these are sums of the numbers.
  std::span<int64_t, kWords> words() { return words_; }
  std::span<const int64_t, kWords> words() const { return words_; }

 private:
  std::array<int64_t, kWords> words_{};
};

}  // namespace tessera
