// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace tessera::launcher {

using Colour = std::array<uint8_t, 3>;  ///< red, green, blue

struct Picture {
  int64_t width, height;
  std::vector<Colour> pixels;  ///< row by row from the top

  Picture(int64_t wide, int64_t high, Colour background) : width(wide), height(high), pixels(static_cast<size_t>(wide * high), background) {}
  Colour& at(int64_t x, int64_t y) { return pixels[static_cast<size_t>(y * width + x)]; }
};

/// As a PNG file.
std::string png_of(const Picture& picture);

}  // namespace tessera::launcher
