// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/summation.h"

#include <cmath>

#include "core/kernels/cpu/simd/parallel.h"
#include "core/kernels/cpu/simd/squares.h"

TESSERA_ISA_BEGIN
namespace {

constexpr int64_t kTileElements = 1024;  // 4 KiB of gradient and 8 KiB of sum stay in the first cache
constexpr double kMagic = 0x1.8p52;      // adding it rounds to an integer and leaves that in the low bits
constexpr double kFastLimit = 0x1.0p51;
constexpr double kRangeLimit = 0x1.0p62;

inline uint32_t larger(uint32_t a, uint32_t b) { return a > b ? a : b; }

uint32_t largest_bits(const float* x, int64_t elements) {
  uint32_t largest = 0;
  for (int64_t i = 0; i < elements; ++i) {
    largest = larger(largest, __builtin_bit_cast(uint32_t, x[i]) & 0x7fffffffu);
  }
  return largest;
}

template <bool kFirst>
inline void put(int64_t* sum, int64_t value) {
  // Unsigned: a sum that is out of range wraps, and the step is replayed.
  *sum = kFirst ? value : static_cast<int64_t>(static_cast<uint64_t>(*sum) + static_cast<uint64_t>(value));
}

/// All |gradient * scale| < 2^51.
template <bool kFirst>
void round_small(const float* gradient, double scale, int64_t* sum, int64_t elements) {
#pragma GCC ivdep
  for (int64_t i = 0; i < elements; ++i) {
    const double shifted = static_cast<double>(gradient[i]) * scale + kMagic;
    put<kFirst>(sum + i, __builtin_bit_cast(int64_t, shifted) - __builtin_bit_cast(int64_t, kMagic));
  }
}

template <bool kFirst>
void round_any(const float* gradient, double scale, int64_t* sum, int64_t elements) {
  for (int64_t i = 0; i < elements; ++i) {
    const double value = static_cast<double>(gradient[i]) * scale;
    const bool fits = value > -kRangeLimit && value < kRangeLimit;  // false for NaN
    put<kFirst>(sum + i, fits ? static_cast<int64_t>(std::rint(value)) : 0);
  }
}

/// `bits` of the largest |gradient|; false for NaN.
inline bool is_small(uint32_t bits, double scale) { return static_cast<double>(__builtin_bit_cast(float, bits)) * scale < kFastLimit; }

template <bool kFirst>
uint32_t round_tile(const float* gradient, double scale, int64_t* sum, int64_t elements) {
  const uint32_t bits = largest_bits(gradient, elements);
  auto* round = is_small(bits, scale) ? round_small<kFirst> : round_any<kFirst>;
  round(gradient, scale, sum, elements);
  return bits;
}

template <bool kFirst>
uint32_t round_range(const RoundToGrid& args, int64_t begin, int64_t end) {
  uint32_t largest = 0;
  for (int64_t start = begin; start < end; start += kTileElements) {
    const int64_t count = end - start < kTileElements ? end - start : kTileElements;
    largest = larger(largest, round_tile<kFirst>(args.gradient + start, args.scale, args.sum + start, count));
  }
  return largest;
}

/// The largest of what bits_of(begin, end) returns for the threads' ranges.
template <typename BitsOf>
uint32_t largest_of_ranges(int64_t elements, BitsOf bits_of) {
  uint32_t largest = 0;
  parallel_ranges(elements, [&](int64_t begin, int64_t end) {
    const uint32_t bits = bits_of(begin, end);
#pragma omp critical(tessera_largest_of_ranges)
    largest = larger(largest, bits);
  });
  return largest;
}

uint32_t round_to_grid(const RoundToGrid& args) {
  return largest_of_ranges(args.elements, [&](int64_t begin, int64_t end) {
    return args.first ? round_range<true>(args, begin, end) : round_range<false>(args, begin, end);
  });
}

/// f64(sum) correctly rounded, without a conversion instruction: the two halves become the low bits of two f64 numbers
/// of known exponent; only the last addition rounds.
inline double to_f64(int64_t sum) {
  const uint64_t bits = static_cast<uint64_t>(sum);
  const uint64_t high = (bits >> 32) ^ 0x4530000080000000u;
  const uint64_t low = (bits & 0xffffffffu) | 0x4330000000000000u;
  return (__builtin_bit_cast(double, high) - (0x1.0p84 + 0x1.0p63 + 0x1.0p52)) + __builtin_bit_cast(double, low);
}

void convert(const int64_t* sum, double scale, float* out, int64_t elements) {
#pragma GCC ivdep
  for (int64_t i = 0; i < elements; ++i) out[i] = static_cast<float>(to_f64(sum[i]) * scale);
}

void grid_to_float(const GridToFloat& args) {
  parallel_ranges(args.elements, [&](int64_t begin, int64_t end) { convert(args.sum + begin, args.scale, args.out + begin, end - begin); });
}

/// Products with the scale, and with its inverse, are exact in f32, but for those that become 0 when they are rounded.
bool suits_f32(double scale) { return scale >= 0x1.0p-100 && scale <= 0x1.0p100; }

/// Two terms, all |term * scale| < 2^51, in f32: what rounding leaves of either is an f32 number still, and one addition rounds as conversion from f64 would.
void sum_pair(const float* a, const float* b, float scale, float inverse_scale, float* out, int64_t elements) {
#pragma GCC ivdep
  for (int64_t i = 0; i < elements; ++i) {
    const float sum = __builtin_rintf(a[i] * scale) + __builtin_rintf(b[i] * scale);
    out[i] = (sum + 0.0f) * inverse_scale;  // an integer has no negative zero
  }
}

uint32_t sum_tile(const SumOnGrid& args, int64_t start, int64_t elements) {
  if (args.count == 2 && suits_f32(args.scale)) {
    const float *a = args.terms[0] + start, *b = args.terms[1] + start;
    const uint32_t bits = larger(largest_bits(a, elements), largest_bits(b, elements));
    if (is_small(bits, args.scale)) {
      sum_pair(a, b, static_cast<float>(args.scale), static_cast<float>(args.inverse_scale), args.out + start, elements);
      return bits;
    }
  }
  int64_t sum[kTileElements];
  uint32_t bits = round_tile<true>(args.terms[0] + start, args.scale, sum, elements);
  for (int64_t k = 1; k < args.count; ++k) bits = larger(bits, round_tile<false>(args.terms[k] + start, args.scale, sum, elements));
  convert(sum, args.inverse_scale, args.out + start, elements);
  return bits;
}

uint32_t sum_on_grid(const SumOnGrid& args) {
  uint32_t bits = 0;
  for (int64_t start = 0; start < args.elements; start += kTileElements) {
    bits = larger(bits, sum_tile(args, start, args.elements - start < kTileElements ? args.elements - start : kTileElements));
  }
  return bits;
}

void accumulate(const AccumulateFloat& args) {
  parallel_ranges(args.elements, [&](int64_t begin, int64_t end) {
    const float* gradient = args.gradient;
    float* sum = args.sum;
    if (args.first) {
      __builtin_memcpy(sum + begin, gradient + begin, static_cast<size_t>(end - begin) * sizeof(float));
      return;
    }
#pragma GCC ivdep
    for (int64_t i = begin; i < end; ++i) sum[i] += gradient[i];
  });
}

uint32_t largest_magnitude_bits(int64_t elements, const float* x) {
  return largest_of_ranges(elements, [&](int64_t begin, int64_t end) { return largest_bits(x + begin, end - begin); });
}

}  // namespace

SummationKernels summation_kernels() { return {round_to_grid, grid_to_float, sum_on_grid, accumulate, largest_magnitude_bits, sum_of_squares}; }

TESSERA_ISA_END
