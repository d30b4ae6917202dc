// SPDX-License-Identifier: Apache-2.0
// Where crops lie: the geometry of torchvision's RandomResizedCrop, Resize, CenterCrop and RandomErasing, with its roundings.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "core/data/image/image.h"
#include "core/data/sample_random.h"

namespace tessera::data {

/// Smallest and largest: of a rectangle's share of the area, and of its width over its height.
struct RectangleRange {
  std::vector<double> scale, ratio;
};

/// A rectangle inside height x width of a random area and shape; where ten attempts do not fit, the largest one in the middle.
Region random_resized_crop(int64_t height, int64_t width, const RectangleRange& range, SampleRandom& random);

/// A smaller rectangle to erase; nothing where ten attempts do not fit. torchvision's ratio is that of height over width here.
std::optional<Region> random_erasing(int64_t height, int64_t width, const RectangleRange& range, SampleRandom& random);

/// What becomes of fractions of a pixel when an image is resized and its middle taken.
enum class SideRounding {
  torchvision,  ///< the long side is rounded down, the middle's place half to even
  nearest,      ///< the long side is rounded to nearest, the middle's place down
};

/// Height and width of an image scaled so that its short side is `short_side`.
std::pair<int64_t, int64_t> scaled_to_short_side(int64_t height, int64_t width, int64_t short_side, SideRounding rounding = SideRounding::torchvision);

/// In the middle of a larger rectangle.
Region center_crop(int64_t whole_height, int64_t whole_width, int64_t height, int64_t width, SideRounding rounding = SideRounding::torchvision);

}  // namespace tessera::data
