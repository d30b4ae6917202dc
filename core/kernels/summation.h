// SPDX-License-Identifier: Apache-2.0
// Kernels of the exact gradient sum (docs/architecture.md, "Exact sums").
#pragma once

#include <cstdint>

namespace tessera {

/// sum[i] (+)= round_half_even(gradient[i] * scale), scale being a power of two. Sums wrap; values that do not fit 62 bits are
/// replaced by 0. Returns the largest |gradient| as the bits of an f32 (NaN and infinity compare largest), from which the
/// caller knows whether anything was out of range.
struct RoundToGrid {
  int64_t elements;
  double scale;
  bool first;  ///< store instead of add
  const float* gradient;
  int64_t* sum;
};

/// out[i] = f32(sum[i] * scale), rounded once to f64 and once to f32.
struct GridToFloat {
  int64_t elements;
  double scale;
  const int64_t* sum;
  float* out;
};

/// out[i] = f32(sum over k of round_half_even(terms[k][i] * scale), * inverse_scale): RoundToGrid and GridToFloat in one pass. `out` may be a term.
/// On the calling thread alone, which communicates. Returns the largest |term|, as RoundToGrid does.
struct SumOnGrid {
  int64_t elements;
  double scale, inverse_scale;
  int64_t count;  ///< of terms, at least one
  const float* const* terms;
  float* out;
};

/// sum[i] (+)= gradient[i]; the plain f32 sum of `reduction: fastest`.
struct AccumulateFloat {
  int64_t elements;
  bool first;
  const float* gradient;
  float* sum;
};

struct SummationKernels {
  uint32_t (*round_to_grid)(const RoundToGrid&);
  void (*grid_to_float)(const GridToFloat&);
  uint32_t (*sum_on_grid)(const SumOnGrid&);
  void (*accumulate)(const AccumulateFloat&);
  /// Bits of the largest |x|; NaN and infinity compare largest.
  uint32_t (*largest_magnitude_bits)(int64_t elements, const float* x);
  /// Sum of squares in f64, in one fixed order.
  double (*sum_of_squares)(int64_t elements, const float* x);
};

}  // namespace tessera
