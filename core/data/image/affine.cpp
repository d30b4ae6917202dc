// SPDX-License-Identifier: Apache-2.0
#include "core/data/image/affine.h"

#include <cmath>
#include <cstring>
#include <numbers>
#include <vector>

namespace tessera::data {
namespace {

/// A row of the map in shares of half a side, with the roundings of torch.nn.functional.grid_sample: they decide which of two equally near
/// pixels is taken.
struct GridRow {
  float x, y, one, half;
  GridRow(double a, double b, double c, int64_t side) : half(static_cast<float>(side) * 0.5f) {
    x = static_cast<float>(a) / half;
    y = static_cast<float>(b) / half;
    one = static_cast<float>(c) / half;
  }
  /// Index of the nearest pixel, which may lie outside. `y_part` is the row's y times its place.
  int32_t nearest(float at_x, float y_part) const {
    constexpr float kWholeNumbers = 12582912.0f;  // 1.5 * 2^23: sums have no fraction left
    const float position = (((at_x * x + y_part) + one) + 1.0f) * half - 0.5f;
    return static_cast<int32_t>((position + kWholeNumbers) - kWholeNumbers);
  }
};

/// A row of pixels `to` from the source's places (columns, rows), black for those outside.
void gather_pixels(const Image& from, const int32_t* columns, const int32_t* rows, uint8_t* to) {
  const auto height = static_cast<uint32_t>(from.height()), width = static_cast<uint32_t>(from.width());
  for (int64_t x = 0; x < from.width(); ++x, to += Image::kChannels) {
    const bool inside = static_cast<uint32_t>(columns[x]) < width && static_cast<uint32_t>(rows[x]) < height;  // negative ones are large
    if (inside) {
      std::memcpy(to, from.row(rows[x]) + int64_t{columns[x]} * Image::kChannels, Image::kChannels);
    } else {
      std::memset(to, 0, Image::kChannels);
    }
  }
}

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
  std::vector<int32_t> columns(static_cast<size_t>(width)), rows(static_cast<size_t>(width));
  for (int64_t y = 0; y < height; ++y) {
    const float at_y = static_cast<float>(y) - static_cast<float>(height - 1) * 0.5f;
    const float x_part = at_y * to_x.y, y_part = at_y * to_y.y, left = static_cast<float>(width - 1) * 0.5f;
    for (int32_t x = 0; x < static_cast<int32_t>(width); ++x) {
      const float at_x = static_cast<float>(x) - left;
      columns[static_cast<size_t>(x)] = to_x.nearest(at_x, x_part);
      rows[static_cast<size_t>(x)] = to_y.nearest(at_x, y_part);
    }
    gather_pixels(from, columns.data(), rows.data(), to.row(y));
  }
}

}  // namespace tessera::data
