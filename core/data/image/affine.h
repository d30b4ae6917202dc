// SPDX-License-Identifier: Apache-2.0
// Shearing, shifting and turning a picture, nearest pixels, black outside: torchvision's transforms.v2 `affine` and `rotate`.
#pragma once

#include "core/data/image/image.h"

namespace tessera::data {

/// From positions in the result to positions in the source, both in pixels from the picture's middle: x' = a x + b y + c, y' = d x + e y +
/// f.
struct AffineMap {
  double a = 1, b = 0, c = 0, d = 0, e = 1, f = 0;
};

/// Each row takes its pixels from further right, by `slope` pixels for each row above it.
AffineMap shear_map_x(double slope, int64_t height, int64_t width);
/// Each column takes its pixels from further down, by `slope` pixels for each column left of it.
AffineMap shear_map_y(double slope, int64_t height, int64_t width);
/// To the right and down.
AffineMap shift_map(int64_t right, int64_t down);
/// Counterclockwise, around the middle.
AffineMap turn_map(double degrees);

/// `to` is another object.
void map_nearest(const Image& from, const AffineMap& map, Image& to);

}  // namespace tessera::data
