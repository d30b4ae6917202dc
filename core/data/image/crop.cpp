// SPDX-License-Identifier: Apache-2.0
#include "core/data/image/crop.h"

#include <algorithm>
#include <cmath>

namespace tessera::data {
namespace {

constexpr int kAttempts = 10;

int64_t rounded(double value) { return static_cast<int64_t>(std::nearbyint(value)); }

/// A first and a second side whose ratio is that of first to second.
std::pair<int64_t, int64_t> random_sides(double area, const RectangleRange& range, SampleRandom& random) {
  const double target = area * random.uniform(range.scale[0], range.scale[1]);
  const double ratio = std::exp(random.uniform(std::log(range.ratio[0]), std::log(range.ratio[1])));
  return {rounded(std::sqrt(target * ratio)), rounded(std::sqrt(target / ratio))};
}

}  // namespace

Region random_resized_crop(int64_t height, int64_t width, const RectangleRange& range, SampleRandom& random) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto [w, h] = random_sides(static_cast<double>(height * width), range, random);
    if (w <= 0 || w > width || h <= 0 || h > height) continue;
    const int64_t top = random.below(height - h + 1), left = random.below(width - w + 1);
    return {top, left, h, w};
  }
  const double ratio = static_cast<double>(width) / static_cast<double>(height);
  int64_t w = width, h = height;
  if (ratio < range.ratio[0]) h = std::clamp<int64_t>(rounded(static_cast<double>(w) / range.ratio[0]), 1, height);
  if (ratio > range.ratio[1]) w = std::clamp<int64_t>(rounded(static_cast<double>(h) * range.ratio[1]), 1, width);
  return {(height - h) / 2, (width - w) / 2, h, w};
}

std::optional<Region> random_erasing(int64_t height, int64_t width, const RectangleRange& range, SampleRandom& random) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto [h, w] = random_sides(static_cast<double>(height * width), range, random);
    if (h >= height || w >= width) continue;
    const int64_t top = random.below(height - h + 1), left = random.below(width - w + 1);
    return Region{top, left, h, w};
  }
  return std::nullopt;
}

std::pair<int64_t, int64_t> scaled_to_short_side(int64_t height, int64_t width, int64_t short_side, SideRounding rounding) {
  const int64_t smaller = std::min(height, width);
  const auto scaled = [&](int64_t side) {
    if (side == smaller) return short_side;
    const double exact = static_cast<double>(short_side * side) / static_cast<double>(smaller);
    return rounding == SideRounding::nearest ? rounded(exact) : static_cast<int64_t>(exact);
  };
  return {scaled(height), scaled(width)};
}

Region center_crop(int64_t whole_height, int64_t whole_width, int64_t height, int64_t width, SideRounding rounding) {
  const auto middle = [&](int64_t rest) {
    const double exact = static_cast<double>(rest) / 2;
    return rounding == SideRounding::nearest ? static_cast<int64_t>(std::floor(exact)) : rounded(exact);
  };
  return {middle(whole_height - height), middle(whole_width - width), height, width};
}

}  // namespace tessera::data
