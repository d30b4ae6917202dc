// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tessera::text {

/// What stands for bytes that are no UTF-8.
inline constexpr uint32_t kReplacement = 0xFFFD;

/// A code point and the bytes it takes. Of invalid UTF-8: kReplacement and the longest part that could begin a character (Unicode 15, section 3.9, table 3-8),
/// so that as many replacements come out as from Python's errors="replace".
struct CodePoint {
  uint32_t value = kReplacement;
  uint32_t bytes = 1;
  bool valid = false;
};

/// The first one of `text`, which is not empty.
CodePoint first_code_point(std::string_view text);

/// Appends a code point in UTF-8; not a surrogate.
void append_utf8(uint32_t code_point, std::string& text);

}  // namespace tessera::text
