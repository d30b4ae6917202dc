// SPDX-License-Identifier: Apache-2.0
// JPEG, PNG and WebP files to RGB pixels, equal to those of Pillow's Image.open(...).convert("RGB"): grey is replicated, CMYK converted,
// transparency dropped without blending; of 16 bits a colour the higher 8 count, while 16-bit grey is limited to 255.
//
// Every function throws Error(data) with `where`, the place of the bytes (file, or shard and entry), for bytes that are no such file, cut
// off or damaged: a missing end is an error, never grey filler. What damages no pixel (unknown markers, bytes between them) is let pass.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/data/image/image.h"

namespace tessera::data {

struct DecodeOptions {
  int64_t max_pixels = 178'956'970;  ///< a larger image is refused before memory is taken for it; Pillow's bound
  bool exif_orientation = false;     ///< turn and mirror as the EXIF entry says; torchvision and Pillow do not by themselves
};

enum class ImageFormat { jpeg, png, webp };
/// How names of such files end, in lower case.
inline constexpr std::array<std::string_view, 4> kImageEndings = {".jpg", ".jpeg", ".png", ".webp"};

/// What the first bytes say.
struct ImageInfo {
  ImageFormat format = ImageFormat::jpeg;
  int64_t height = 0, width = 0;  ///< as decode() gives them, so after turning
  int orientation = 1;            ///< 1 to 8 as in EXIF; 1 without DecodeOptions::exif_orientation
};

/// Reads the header only.
ImageInfo inspect(std::span<const std::byte> bytes, const DecodeOptions& options, std::string_view where);

void decode(std::span<const std::byte> bytes, const DecodeOptions& options, std::string_view where, Image& out);

/// Pixel (y, x) of a part is pixel (y + top, x + left) of the whole image scaled by eighths / 8 (sides rounded up).
struct ImagePart {
  int64_t eighths = 8;
  int64_t top = 0, left = 0;
  int64_t whole_height = 0, whole_width = 0;  ///< of the scaled image
};

/// Decodes at least the pixels of `needed`, a rectangle of the image as inspect() describes it, and leaves undone what the format allows to
/// leave out. `eighths` is 8, 4, 2 or 1: a JPEG file is scaled in the frequency domain; other formats, and images that EXIF turns, are
/// decoded in whole and full size. The pixels equal those of the whole image.
ImagePart decode_part(std::span<const std::byte> bytes, const DecodeOptions& options, std::string_view where, const Region& needed,
                      int64_t eighths, Image& out);

}  // namespace tessera::data
