// SPDX-License-Identifier: Apache-2.0
#include "core/exact/gradient_grid.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace tessera {
namespace {

constexpr int kSumBits = 62;  // one less than an int64 has, so that a value that just reaches the bound fits too
constexpr int kHeadroomBits = 16;
constexpr int kLeastFractionBits = 32;
constexpr uint32_t kInfinityBits = 0x7f800000u;

int ceil_log2(int64_t count) { return count <= 1 ? 0 : static_cast<int>(std::bit_width(static_cast<uint64_t>(count - 1))); }

/// Smallest e with maximum <= 2^e.
int exponent_above(float maximum) {
  int exponent = 0;
  const float fraction = std::frexp(maximum, &exponent);
  return fraction == 0.5f ? exponent - 1 : exponent;
}

}  // namespace

GradientGrid::GradientGrid(size_t tensors, int64_t quanta) {
  const int room = kSumBits - ceil_log2(quanta);
  headroom_bits_ = std::clamp(room - kLeastFractionBits, 0, kHeadroomBits);
  fraction_bits_ = room - headroom_bits_;
  const MemoryScope scope(MemoryCategory::gradients);
  maxima_ = Tensor::zeros({static_cast<int64_t>(tensors)});
}

bool GradientGrid::empty() const {
  const float* maxima = maxima_.data<float>();
  return std::all_of(maxima, maxima + maxima_.elements(), [](float maximum) { return maximum == 0.0f; });
}

double GradientGrid::scale(size_t tensor) const {
  const float maximum = maxima_.data<float>()[tensor];
  return maximum > 0.0f ? std::ldexp(1.0, fraction_bits_ - exponent_above(maximum)) : 0.0;
}

GridVerdict GradientGrid::judge(std::span<const uint32_t> largest_bits) const {
  bool replay = false;
  for (size_t tensor = 0; tensor < largest_bits.size(); ++tensor) {
    if (largest_bits[tensor] >= kInfinityBits) return GridVerdict::not_finite;
    const float largest = std::bit_cast<float>(largest_bits[tensor]);
    if (largest == 0.0f) continue;
    const float maximum = maxima_.data<float>()[tensor];
    replay |= maximum == 0.0f || exponent_above(largest) > exponent_above(maximum) + headroom_bits_;
  }
  return replay ? GridVerdict::replay : GridVerdict::fits;
}

void GradientGrid::raise(std::span<const uint32_t> largest_bits) {
  float* maxima = maxima_.data<float>();
  for (size_t tensor = 0; tensor < largest_bits.size(); ++tensor) {
    maxima[tensor] = std::max(maxima[tensor], std::bit_cast<float>(largest_bits[tensor]));
  }
}

void GradientGrid::follow(std::span<const uint32_t> largest_bits) {
  float* maxima = maxima_.data<float>();
  for (size_t tensor = 0; tensor < largest_bits.size(); ++tensor) {
    maxima[tensor] = std::max(std::bit_cast<float>(largest_bits[tensor]), 0.5f * maxima[tensor]);
  }
}

}  // namespace tessera
