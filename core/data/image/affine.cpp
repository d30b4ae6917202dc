// SPDX-License-Identifier: Apache-2.0
#include "core/data/image/affine.h"

#include <cmath>
#include <cstring>
#include <numbers>

namespace tessera::data {
namespace {

/// f32 with the roundings of fused multiplication and addition, which decide which of two equally near pixels is taken.
float fused(float x, float factor, float sum) { return static_cast<float>(static_cast<double>(x) * static_cast<double>(factor) + static_cast<double>(sum)); }

/// A row of the map in shares of half a side, as torch.nn.functional.grid_sample takes positions.
struct GridRow {
  float x, y, one, half;
  GridRow(double a, double b, double c, int64_t side) : half(static_cast<float>(side) * 0.5f) {
    x = static_cast<float>(a) / half;
    y = static_cast<float>(b) / half;
    one = static_cast<float>(c) / half;
  }
  /// Index of the nearest pixel, which may lie outside.
  int64_t nearest(float at_x, float at_y) const {
    const float share = fused(at_y, y, at_x * x) + one;
    return static_cast<int64_t>(std::nearbyint((share + 1.0f) * half - 0.5f));
  }
};

}  // namespace

AffineMap shear_map_x(double slope, int64_t height, int64_t width) {
  const double tangent = std::tan(std::atan(slope)), cx = -0.5 * static_cast<double>(width), cy = -0.5 * static_cast<double>(height);
  return {1, tangent, cx - cx - tangent * cy, 0, 1, 0};
}

AffineMap shear_map_y(double slope, int64_t height, int64_t width) {
  const double angle = std::atan(slope), cx = -0.5 * static_cast<double>(width), cy = -0.5 * static_cast<double>(height);
  const double tangent = std::sin(angle) / std::cos(angle);
  return {1, 0, 0, tangent, 1, cy - tangent * cx - cy};
}

AffineMap shift_map(int64_t right, int64_t down) { return {1, 0, static_cast<double>(-right), 0, 1, static_cast<double>(-down)}; }

AffineMap turn_map(double degrees) {
  const double angle = -degrees * std::numbers::pi / 180.0;
  return {std::cos(angle), std::sin(angle), 0, -std::sin(angle), std::cos(angle), 0};
}

void map_nearest(const Image& from, const AffineMap& map, Image& to) {
  const int64_t height = from.height(), width = from.width();
  const GridRow to_x(map.a, map.b, map.c, width), to_y(map.d, map.e, map.f, height);
  to.resize(height, width);
  for (int64_t y = 0; y < height; ++y) {
    uint8_t* pixel = to.row(y);
    const float at_y = static_cast<float>(y) - static_cast<float>(height - 1) * 0.5f;
    for (int64_t x = 0; x < width; ++x, pixel += Image::kChannels) {
      const float at_x = static_cast<float>(x) - static_cast<float>(width - 1) * 0.5f;
      const int64_t from_x = to_x.nearest(at_x, at_y), from_y = to_y.nearest(at_x, at_y);
      if (from_x >= 0 && from_x < width && from_y >= 0 && from_y < height) {
        std::memcpy(pixel, from.row(from_y) + from_x * Image::kChannels, Image::kChannels);
      } else {
        std::memset(pixel, 0, Image::kChannels);
      }
    }
  }
}

}  // namespace tessera::data
