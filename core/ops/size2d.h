// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace tessera::ops {

/// Height and width, in pixels, of a kernel, stride, padding or the like. One number stands for both.
struct Size2d {
  int64_t height, width;

  constexpr Size2d(int64_t both) : height(both), width(both) {}
  constexpr Size2d(int64_t the_height, int64_t the_width) : height(the_height), width(the_width) {}

  bool operator==(const Size2d&) const = default;
  bool both_at_least(int64_t least) const { return height >= least && width >= least; }

  /// "3" or "3 x 5"
  std::string text() const { return height == width ? std::to_string(height) : std::to_string(height) + " x " + std::to_string(width); }
};

}  // namespace tessera::ops
