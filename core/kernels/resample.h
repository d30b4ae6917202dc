// SPDX-License-Identifier: Apache-2.0
// Sums of weighted pixels for resizing 8-bit images of three channels, rounded as Pillow does, and their conversion to f32. Integer
// arithmetic: the same bits on every instruction set. These use the calling thread only.
#pragma once

#include <cstdint>

namespace tessera {

inline constexpr int kWeightBits = 22;     ///< a weight of 1 is 1 << kWeightBits; the magnitudes of one pixel's weights add up to less than 2
inline constexpr int kLowWeightBits = 11;  ///< of a weight that are kept apart from the high ones
inline constexpr int64_t kTapGroup = 4;

/// y[row, i] = sum over k of weight[i, k] * x[row, first[i] + k], rounded and cut to 0..255.
/// `weights` are [out_width, groups, 2, kTapGroup]: of each group of taps the high parts (weight >> kLowWeightBits), then the low ones. x
/// may be read up to 16 bytes beyond the last pixel that is named, y written up to 1 byte beyond a row: y_stride_bytes > 3 * out_width.
struct ResampleAcross {
  int64_t rows, out_width, groups;
  const int32_t* first;  ///< [out_width] pixels
  const int16_t* weights;
  const uint8_t* x;
  int64_t x_stride_bytes;
  uint8_t* y;
  int64_t y_stride_bytes;
};

/// y[c] = sum over k of weights[k] * x[k, c], rounded and cut to 0..255: one row of the result.
struct ResampleDown {
  int64_t columns, taps;
  const int32_t* weights;  ///< [taps]
  const uint8_t* x;
  int64_t x_stride_bytes;
  uint8_t* y;
};

/// y[i, c] = x[i, c] * factor[c] + offset[c], two roundings.
struct NormalisePixels {
  int64_t pixels;
  float factor[3], offset[3];
  const uint8_t* x;
  float* y;
};

struct ResampleKernels {
  void (*across)(const ResampleAcross&);
  void (*down)(const ResampleDown&);
  void (*normalise)(const NormalisePixels&);
};

}  // namespace tessera
