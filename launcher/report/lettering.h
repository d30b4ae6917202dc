// SPDX-License-Identifier: Apache-2.0
// Text in pictures: a font of 5 x 7 dots, ASCII only.
#pragma once

#include <cstdint>
#include <string_view>

#include "launcher/tensorboard/png.h"

namespace tessera::launcher {

enum class TextDirection {
  right,   ///< from left to right
  upward,  ///< turned by 90 degrees, from the bottom to the top
};

/// Pixels along and across the text's direction; a dot is `zoom` x `zoom` pixels.
int64_t text_length(std::string_view text, int64_t zoom);
int64_t text_height(int64_t zoom);

/// (x, y) is the upper left corner of the text's rectangle. Characters that are not printable ASCII become a question mark, one for each code point of UTF-8; what
/// lies outside of the picture is cut off.
void draw_text(Picture& picture, int64_t x, int64_t y, std::string_view text, Colour colour, int64_t zoom, TextDirection direction = TextDirection::right);

}  // namespace tessera::launcher
