// SPDX-License-Identifier: Apache-2.0
#include "launcher/tensorboard/png.h"

#include <zlib.h>

#include "core/base/error.h"

namespace tessera::launcher {
namespace {

void append_big_endian(std::string& out, uint64_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>((value >> shift) & 0xff));
}

/// Length, type, data, CRC-32 of type and data.
void append_chunk(std::string& out, const std::string& type, const std::string& data) {
  append_big_endian(out, data.size());
  const std::string body = type + data;
  out += body;
  append_big_endian(out, crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size())));
}

/// Every row behind the number of its filter: 0, none.
std::string rows_of(const Picture& picture) {
  std::string rows;
  for (int64_t y = 0; y < picture.height; ++y) {
    rows.push_back(0);
    const Colour* row = picture.pixels.data() + y * picture.width;
    rows.append(reinterpret_cast<const char*>(row), static_cast<size_t>(picture.width) * sizeof(Colour));
  }
  return rows;
}

std::string compressed(const std::string& bytes) {
  uLongf size = compressBound(static_cast<uLong>(bytes.size()));
  std::string out(size, '\0');
  const int status = compress2(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uLong>(bytes.size()), 6);
  if (status != Z_OK) throw Error(ErrorKind::runtime, "zlib does not compress: status " + std::to_string(status));
  out.resize(size);
  return out;
}

}  // namespace

std::string png_of(const Picture& picture) {
  std::string header;
  append_big_endian(header, static_cast<uint64_t>(picture.width));
  append_big_endian(header, static_cast<uint64_t>(picture.height));
  header += std::string("\x08\x02\0\0\0", 5);  // 8 bits, colours, zlib, filters by row, not interlaced
  std::string png = "\x89PNG\r\n\x1a\n";
  append_chunk(png, "IHDR", header);
  append_chunk(png, "IDAT", compressed(rows_of(picture)));
  append_chunk(png, "IEND", "");
  return png;
}

}  // namespace tessera::launcher
