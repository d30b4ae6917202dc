// SPDX-License-Identifier: Apache-2.0
// The segments of a JPEG file up to its frame header (ITU-T T.81, annex B), and EXIF's orientation.
#include <fmt/format.h>

#include <optional>

#include "core/data/image/codecs.h"

namespace tessera::data {
namespace {

size_t byte_at(Bytes bytes, size_t offset) { return std::to_integer<size_t>(bytes[offset]); }

/// Whole numbers of a TIFF structure, in its byte order.
class TiffNumbers {
 public:
  explicit TiffNumbers(Bytes tiff) : tiff_(tiff), little_(byte_at(tiff, 0) == 'I') {}
  bool has(size_t offset, size_t size) const { return offset <= tiff_.size() && size <= tiff_.size() - offset; }
  size_t u16(size_t offset) const {
    const size_t first = byte_at(tiff_, offset), second = byte_at(tiff_, offset + 1);
    return little_ ? second << 8 | first : first << 8 | second;
  }
  size_t u32(size_t offset) const {
    const size_t first = u16(offset), second = u16(offset + 2);
    return little_ ? second << 16 | first : first << 16 | second;
  }

 private:
  Bytes tiff_;
  bool little_;
};

/// 1 where the segment says nothing sensible: a damaged EXIF entry damages no pixel.
int orientation_of(Bytes segment) {
  constexpr size_t kPrefixBytes = 6, kEntryBytes = 12, kOrientationTag = 0x0112;
  constexpr std::string_view kPrefix("Exif\0\0", kPrefixBytes);
  if (segment.size() < kPrefixBytes + 8) return 1;
  if (std::string_view(reinterpret_cast<const char*>(segment.data()), kPrefixBytes) != kPrefix) return 1;
  const TiffNumbers tiff(segment.subspan(kPrefixBytes));
  const size_t directory = tiff.u32(4);
  if (!tiff.has(directory, 2)) return 1;
  const size_t entries = tiff.u16(directory);
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + i * kEntryBytes;
    if (!tiff.has(entry, kEntryBytes)) return 1;
    if (tiff.u16(entry) != kOrientationTag) continue;
    const size_t value = tiff.u16(entry + 8);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

/// SOF0 to SOF15, whose numbers DHT, JPG and DAC interrupt.
bool is_frame_header(size_t marker) { return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC; }

/// Past fill bytes and garbage before a marker, as libjpeg skips them.
std::optional<size_t> next_marker(Bytes bytes, size_t& offset) {
  while (offset + 1 < bytes.size()) {
    const size_t first = byte_at(bytes, offset++), second = byte_at(bytes, offset);
    if (first == 0xFF && second != 0xFF && second != 0) {
      ++offset;
      return second;
    }
  }
  return std::nullopt;
}

}  // namespace

FileHeader read_jpeg_header(Bytes bytes, std::string_view where) {
  FileHeader header;
  size_t offset = 2;
  while (const auto marker = next_marker(bytes, offset)) {
    if (*marker == 0xD9 || *marker == 0xDA) refuse_image("JPEG", "pixels or the end before a frame header", where);
    if (*marker == 0x01 || (*marker >= 0xD0 && *marker <= 0xD8)) continue;  // without a length
    if (bytes.size() - offset < 2) break;
    const size_t length = byte_at(bytes, offset) << 8 | byte_at(bytes, offset + 1);
    if (length < 2) refuse_image("JPEG", fmt::format("a segment of length {}", length), where);
    if (length > bytes.size() - offset) break;
    const Bytes segment = bytes.subspan(offset + 2, length - 2);
    if (*marker == 0xE1 && header.orientation == 1) header.orientation = orientation_of(segment);
    if (is_frame_header(*marker)) {
      if (segment.size() < 6) refuse_image("JPEG", "a frame header that is too short", where);
      header.height = static_cast<int64_t>(byte_at(segment, 1) << 8 | byte_at(segment, 2));
      header.width = static_cast<int64_t>(byte_at(segment, 3) << 8 | byte_at(segment, 4));
      if (header.height == 0 || header.width == 0) refuse_image("JPEG", "a side of no pixels", where);
      return header;
    }
    offset += length;
  }
  refuse_image("JPEG", "it ends within its header", where);
}

}  // namespace tessera::data
