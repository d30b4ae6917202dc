// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "core/tensor/tensor.h"

namespace tessera {

/// Geometry of a two-dim convolution; key of the primitive caches.
struct ConvolutionGeometry {
  int64_t batch, in_channels, in_height, in_width;
  int64_t out_channels, out_height, out_width;
  int64_t kernel_height, kernel_width;
  int64_t stride_height, stride_width;
  int64_t padding_height, padding_width;  ///< before the image; what is behind it follows from the size of the result
  int64_t dilation_height, dilation_width;  ///< 1: none
  int64_t groups;

  bool operator==(const ConvolutionGeometry&) const = default;
};

/// A weight in the layouts that the kernels want, made anew only when its version changes (once an update). Owned by
/// whoever owns the weight; filled by the kernels.
struct PackedWeight {
  struct Entry {
    ConvolutionGeometry geometry;
    bool for_backward;
    const float* weight;  ///< what it was made of: in bf16 a parameter has a rounded copy besides itself
    uint64_t version;
    Tensor packed;
  };
  std::vector<Entry> entries;
};

/// Activations are channels-last, weights row-major [out, in / groups, height, width].
struct ConvolutionForward {
  ConvolutionGeometry geometry;
  const float* x;
  const float* weight;
  const float* bias;  ///< nullptr: none
  float* y;
  PackedWeight* packed;
  uint64_t weight_version;
};

struct ConvolutionBackwardData {
  ConvolutionGeometry geometry;
  const float* dy;
  const float* weight;
  float* dx;
  PackedWeight* packed;
  uint64_t weight_version;
};

struct ConvolutionBackwardWeight {
  ConvolutionGeometry geometry;
  const float* x;
  const float* dy;
  float* dweight;
  float* dbias;  ///< nullptr: none
};

struct ConvolutionKernels {
  void (*forward)(const ConvolutionForward&);
  void (*backward_data)(const ConvolutionBackwardData&);
  void (*backward_weight)(const ConvolutionBackwardWeight&);
  /// Images of a batch, 1 to all, whose gradients are best computed before those of the next: their gradient stays in the cache from one product to the other.
  int64_t (*images_at_once)(const ConvolutionGeometry&) = nullptr;
};

}  // namespace tessera
