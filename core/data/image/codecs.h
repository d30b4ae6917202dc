// SPDX-License-Identifier: Apache-2.0
// One set of functions a file format; decode.cpp chooses between them. All throw Error(data).
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "core/data/image/decode.h"

namespace tessera::data {

using Bytes = std::span<const std::byte>;

/// A side is at least one pixel.
struct FileHeader {
  int64_t height = 0, width = 0;
  int orientation = 1;
};

FileHeader read_jpeg_header(Bytes bytes, std::string_view where);
FileHeader read_png_header(Bytes bytes, std::string_view where);
FileHeader read_webp_header(Bytes bytes, std::string_view where);

ImagePart decode_jpeg(Bytes bytes, std::string_view where, const Region& needed, int64_t eighths, Image& out);
void decode_png(Bytes bytes, std::string_view where, Image& out);
void decode_webp(Bytes bytes, std::string_view where, Image& out);

/// `what` is wrong with a file of format `name`.
[[noreturn]] void refuse_image(std::string_view name, std::string_view what, std::string_view where);

/// EXIF's orientation (CIPA DC-008, 4.6.5): 1 upright, 3 half a turn, 5 to 8 with rows and columns exchanged, and mirrored ones. `upright`
/// is another object.
void turn_upright(const Image& stored, int orientation, Image& upright);

}  // namespace tessera::data
