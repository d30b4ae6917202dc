// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/cpu/direct/image.h"

#include <algorithm>
#include <cstring>

namespace tessera::cpu::direct {
namespace {

constexpr int64_t kParallelMultiplications = 1 << 18;  // below this, starting threads costs more than it saves

/// body(image row, padded row), both at the first element that the two share.
template <typename Body>
void for_each_row(const ConvolutionGeometry& g, Body body) {
  const PaddedImage padded(g);
  for (int64_t h = 0; h < g.in_height; ++h) {
    body(h * g.in_width * g.in_channels, (h + g.padding_height) * padded.row + g.padding_width * g.in_channels);
  }
}

}  // namespace

PaddedImage::PaddedImage(const ConvolutionGeometry& g)
    : height(std::max((g.out_height - 1) * g.stride_height + g.kernel_height, g.padding_height + g.in_height)),
      width(std::max((g.out_width - 1) * g.stride_width + g.kernel_width, g.padding_width + g.in_width)),
      row(width * g.in_channels),
      elements(height * row) {}

void put_into_padding(const ConvolutionGeometry& g, const float* image, float* padded) {
  const size_t row_bytes = static_cast<size_t>(g.in_width * g.in_channels) * sizeof(float);
  for_each_row(g, [&](int64_t from, int64_t to) { std::memcpy(padded + to, image + from, row_bytes); });
}

void take_from_padding(const ConvolutionGeometry& g, const float* padded, float* image) {
  const size_t row_bytes = static_cast<size_t>(g.in_width * g.in_channels) * sizeof(float);
  for_each_row(g, [&](int64_t to, int64_t from) { std::memcpy(image + to, padded + from, row_bytes); });
}

Tensor scratch(int64_t elements) {
  const MemoryScope scope(MemoryCategory::workspace);
  return Tensor::empty({elements});
}

int threads_for(int64_t parts, int64_t multiplications) {
  if (multiplications < kParallelMultiplications) return 1;
  return static_cast<int>(std::clamp<int64_t>(parts, 1, omp_get_max_threads()));
}

}  // namespace tessera::cpu::direct
