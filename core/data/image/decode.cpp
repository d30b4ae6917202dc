// SPDX-License-Identifier: Apache-2.0
#include "core/data/image/decode.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/base/error.h"
#include "core/data/image/codecs.h"

namespace tessera::data {
namespace {

bool begins_with(Bytes bytes, std::string_view magic, size_t offset = 0) {
  return bytes.size() >= offset + magic.size() && std::memcmp(bytes.data() + offset, magic.data(), magic.size()) == 0;
}

ImageFormat image_format_of(Bytes bytes, std::string_view where) {
  if (begins_with(bytes, "\xff\xd8\xff")) return ImageFormat::jpeg;
  if (begins_with(bytes, "\x89PNG\r\n\x1a\n")) return ImageFormat::png;
  if (begins_with(bytes, "RIFF") && begins_with(bytes, "WEBP", 8)) return ImageFormat::webp;
  throw Error(ErrorKind::data, bytes.empty() ? "an image file of no bytes" : "neither a JPEG nor a PNG nor a WebP image", where,
              "replace the file, or take it out of the data set");
}

FileHeader read_header(ImageFormat format, Bytes bytes, std::string_view where) {
  switch (format) {
    case ImageFormat::jpeg: return read_jpeg_header(bytes, where);
    case ImageFormat::png: return read_png_header(bytes, where);
    case ImageFormat::webp: break;
  }
  return read_webp_header(bytes, where);
}

/// All of the file's pixels as they are stored.
void decode_stored(const ImageInfo& info, const FileHeader& header, Bytes bytes, std::string_view where, Image& out) {
  switch (info.format) {
    case ImageFormat::jpeg: decode_jpeg(bytes, where, {0, 0, header.height, header.width}, 8, out); return;
    case ImageFormat::png: decode_png(bytes, where, out); return;
    case ImageFormat::webp: decode_webp(bytes, where, out); return;
  }
}

std::pair<ImageInfo, FileHeader> look_at(Bytes bytes, const DecodeOptions& options, std::string_view where) {
  const ImageFormat format = image_format_of(bytes, where);
  const FileHeader header = read_header(format, bytes, where);
  if (header.height > options.max_pixels / header.width) {
    throw Error(ErrorKind::data,
                fmt::format("an image of {} x {} pixels, where {} are allowed", header.width, header.height, options.max_pixels), where,
                "scale the image down, or raise data.max_pixels");
  }
  ImageInfo info{format, header.height, header.width, options.exif_orientation ? header.orientation : 1};
  if (info.orientation >= 5) std::swap(info.height, info.width);
  return {info, header};
}

void decode_known(const ImageInfo& info, const FileHeader& header, Bytes bytes, std::string_view where, Image& out) {
  if (info.orientation == 1) return decode_stored(info, header, bytes, where, out);
  Image stored;
  decode_stored(info, header, bytes, where, stored);
  turn_upright(stored, info.orientation, out);
}

}  // namespace

void refuse_image(std::string_view name, std::string_view what, std::string_view where) {
  std::string line = fmt::format("not a sound {} image: {}", name, what);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  throw Error(ErrorKind::data, line, where, "replace the file, or take it out of the data set");
}

ImageInfo inspect(Bytes bytes, const DecodeOptions& options, std::string_view where) { return look_at(bytes, options, where).first; }

void decode(Bytes bytes, const DecodeOptions& options, std::string_view where, Image& out) {
  const auto [info, header] = look_at(bytes, options, where);
  decode_known(info, header, bytes, where, out);
}

ImagePart decode_part(Bytes bytes, const DecodeOptions& options, std::string_view where, const Region& needed, int64_t eighths,
                      Image& out) {
  const auto [info, header] = look_at(bytes, options, where);
  TESSERA_ASSERT(needed.top >= 0 && needed.left >= 0 && needed.height > 0 && needed.width > 0, "an empty part of an image");
  TESSERA_ASSERT(needed.top + needed.height <= info.height && needed.left + needed.width <= info.width, "a part outside of its image");
  if (info.format == ImageFormat::jpeg && info.orientation == 1) return decode_jpeg(bytes, where, needed, eighths, out);
  decode_known(info, header, bytes, where, out);
  return {8, 0, 0, info.height, info.width};
}

void turn_upright(const Image& stored, int orientation, Image& upright) {
  const bool exchanged = orientation >= 5;
  const int64_t height = exchanged ? stored.width() : stored.height(), width = exchanged ? stored.height() : stored.width();
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  upright.resize(height, width);
  for (int64_t y = 0; y < height; ++y) {
    uint8_t* to = upright.row(y);
    for (int64_t x = 0; x < width; ++x, to += Image::kChannels) {
      const int64_t row = exchanged ? x : y, column = exchanged ? y : x;
      const int64_t from_y = from_bottom ? stored.height() - 1 - row : row, from_x = from_right ? stored.width() - 1 - column : column;
      std::memcpy(to, stored.row(from_y) + from_x * Image::kChannels, Image::kChannels);
    }
  }
}

}  // namespace tessera::data
