// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace tessera {

/// Geometry of a two-dim pooling over channels-last activations.
struct PoolingGeometry {
  int64_t batch, channels, in_height, in_width, out_height, out_width;
  int64_t kernel_height, kernel_width, stride_height, stride_width, padding_height, padding_width;
};

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

/// Padding counts as zeros in the mean, as in PyTorch's default.
struct AveragePoolForward {
  PoolingGeometry geometry;
  const float* x;
  float* y;
};

struct AveragePoolBackward {
  PoolingGeometry geometry;
  const float* dy;
  float* dx;
};

struct PoolingKernels {
  void (*max_forward)(const MaxPoolForward&);
  void (*max_backward)(const MaxPoolBackward&);
  void (*average_forward)(const AveragePoolForward&);
  void (*average_backward)(const AveragePoolBackward&);
};

}  // namespace tessera
