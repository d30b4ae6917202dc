// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/cpu/direct/image.h"

#include <algorithm>
#include <cstring>

namespace tessera::cpu::direct {
namespace {

constexpr int64_t kParallelMultiplications = 1 << 18;  // below this, starting threads costs more than it saves
constexpr int64_t kVectorChannels = 8;                 // copied without a call

/// body(first pixel of an image's row, first element that it has in the padded one).
template <typename Body>
void for_each_row(const ConvolutionGeometry& g, Body body) {
  const PaddedImage padded(g);
  for (int64_t h = 0; h < g.in_height; ++h) {
    body(h * g.in_width, (h + g.padding_height) * padded.row + g.padding_width * g.in_channels);
  }
}

}  // namespace

PaddedImage::PaddedImage(const ConvolutionGeometry& g)
    : height(std::max((g.out_height - 1) * g.stride_height + g.kernel_height, g.padding_height + g.in_height)),
      width(std::max((g.out_width - 1) * g.stride_width + g.kernel_width, g.padding_width + g.in_width)),
      row(width * g.in_channels),
      elements(height * row) {}

void put_into_padding(const ConvolutionGeometry& g, const float* image, int64_t pixel_step, float* padded) {
  for_each_row(g, [&](int64_t pixel, int64_t to) { copy_pixels(g.in_width, g.in_channels, image + pixel * pixel_step, pixel_step, padded + to, g.in_channels); });
}

void take_from_padding(const ConvolutionGeometry& g, const float* padded, float* image, int64_t pixel_step) {
  for_each_row(g, [&](int64_t pixel, int64_t from) { copy_pixels(g.in_width, g.in_channels, padded + from, g.in_channels, image + pixel * pixel_step, pixel_step); });
}

void copy_pixels(int64_t pixels, int64_t channels, const float* from, int64_t from_step, float* to, int64_t to_step) {
  if (from_step == channels && to_step == channels) {
    std::memcpy(to, from, static_cast<size_t>(pixels * channels) * sizeof(float));
  } else if (channels == kVectorChannels) {
    for (int64_t pixel = 0; pixel < pixels; ++pixel) std::memcpy(to + pixel * to_step, from + pixel * from_step, kVectorChannels * sizeof(float));
  } else {
    const size_t bytes = static_cast<size_t>(channels) * sizeof(float);
    for (int64_t pixel = 0; pixel < pixels; ++pixel) std::memcpy(to + pixel * to_step, from + pixel * from_step, bytes);
  }
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
