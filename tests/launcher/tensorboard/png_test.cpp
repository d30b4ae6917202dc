// SPDX-License-Identifier: Apache-2.0
#include "launcher/tensorboard/png.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <map>

namespace tessera::launcher {
namespace {

uint32_t big_endian(const std::string& bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

/// Takes the file apart by its definition, checks the chunks' sums.
std::map<std::string, std::string> chunks_of(const std::string& png) {
  EXPECT_EQ(png.substr(0, 8), "\x89PNG\r\n\x1a\n");
  std::map<std::string, std::string> chunks;
  for (size_t at = 8; at < png.size();) {
    const size_t length = big_endian(png, at);
    const std::string body = png.substr(at + 4, length + 4);
    EXPECT_EQ(big_endian(png, at + 8 + length), crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size())));
    chunks[body.substr(0, 4)] = body.substr(4);
    at += length + 12;
  }
  return chunks;
}

TEST(Png, HoldsSizeAndPixels) {
  Picture picture(300, 2, {9, 8, 7});
  picture.at(1, 0) = {255, 0, 128};
  picture.at(299, 1) = {1, 2, 3};
  const auto chunks = chunks_of(png_of(picture));
  ASSERT_EQ(chunks.size(), 3u);
  EXPECT_EQ(chunks.at("IHDR"), std::string("\0\0\x01\x2c\0\0\0\x02\x08\x02\0\0\0", 13));
  EXPECT_EQ(chunks.at("IEND"), "");
  std::string rows(2 * 901, '\0');
  uLongf size = rows.size();
  const std::string& data = chunks.at("IDAT");
  ASSERT_EQ(uncompress(reinterpret_cast<Bytef*>(rows.data()), &size, reinterpret_cast<const Bytef*>(data.data()), data.size()), Z_OK);
  ASSERT_EQ(size, rows.size());
  EXPECT_EQ(rows.substr(0, 10), std::string("\0\x09\x08\x07\xff\0\x80\x09\x08\x07", 10));
  EXPECT_EQ(rows.substr(901, 4), std::string("\0\x09\x08\x07", 4));
  EXPECT_EQ(rows.substr(1799), "\x01\x02\x03");
}

}  // namespace
}  // namespace tessera::launcher
