// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace tessera {

/// Geometry of a two-dim pooling over channels-last activations. Windows may reach over the far edges, but each has a pixel of the image.
struct PoolingGeometry {
  int64_t batch, channels, in_height, in_width, out_height, out_width;
  int64_t kernel_height, kernel_width, stride_height, stride_width, padding_height, padding_width;
};

/// kernel_height * kernel_width is at most 256.
struct MaxPoolForward {
  PoolingGeometry geometry;
  const float* x;
  float* y;
  uint8_t* argmax;  ///< place in the window, row * kernel_width + column; the first of equal maxima; NaN wins
};

struct MaxPoolBackward {
  PoolingGeometry geometry;
  const uint8_t* argmax;
  const float* dy;
  float* dx;
};

/// The mean over a window's pixels: those in the image, and in the padding (zeros) where that counts.
struct AveragePoolForward {
  PoolingGeometry geometry;
  bool padding_counts;
  const float* x;
  float* y;
};

struct AveragePoolBackward {
  PoolingGeometry geometry;
  bool padding_counts;
  const float* dy;
  float* dx;
};

/// Rows (or columns) begin, begin + step, ... below end of an image, at least one.
struct PoolingBin {
  int64_t begin, end, step;
};

/// Pooling of channels-last images over bins of any place and size: every pair of a row bin and a column bin gives a pixel.
struct PoolingBins {
  int64_t batch, channels, in_height, in_width, out_height, out_width;
  const PoolingBin* rows;     ///< [out_height]
  const PoolingBin* columns;  ///< [out_width]
};

struct BinMaxForward {
  PoolingBins bins;
  const float* x;
  float* y;
  int32_t* argmax;  ///< pixel of the image, row * in_width + column; the first of equal maxima; NaN wins
};

struct BinMaxBackward {
  PoolingBins bins;
  const int32_t* argmax;
  const float* dy;
  float* dx;
};

struct BinAverageForward {
  PoolingBins bins;
  const float* x;
  float* y;
};

struct BinAverageBackward {
  PoolingBins bins;
  const float* dy;
  float* dx;
};

struct PoolingKernels {
  void (*max_forward)(const MaxPoolForward&);
  void (*max_backward)(const MaxPoolBackward&);
  void (*average_forward)(const AveragePoolForward&);
  void (*average_backward)(const AveragePoolBackward&);
};

struct BinPoolingKernels {
  void (*max_forward)(const BinMaxForward&);
  void (*max_backward)(const BinMaxBackward&);
  void (*average_forward)(const BinAverageForward&);
  void (*average_backward)(const BinAverageBackward&);
};

}  // namespace tessera
