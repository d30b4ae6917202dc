// SPDX-License-Identifier: Apache-2.0
// Sound files give Pillow's pixels, in whole and in part; others are data errors of one line.
#include "core/data/image/decode.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "core/base/error.h"
#include "tests/core/data/image/golden.h"

namespace tessera::data {
namespace {

using Content = std::vector<std::byte>;

Content content_of(const std::string& name) {
  const auto bytes = test::golden_file(name);
  return {bytes.begin(), bytes.end()};
}

DecodeOptions turning() { return {.exif_orientation = true}; }

/// The message of the data error that decoding must end in.
std::string refusal(std::span<const std::byte> bytes, const DecodeOptions& options = {}) {
  Image image;
  try {
    decode(bytes, options, "a.file", image);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    const std::string line = error.what();
    EXPECT_EQ(line.find('\n'), std::string::npos);
    EXPECT_EQ(line.rfind("a.file: ", 0), 0u) << line;
    return line;
  }
  return "no error";
}

TEST(Decode, EveryKindOfFileGivesPillowsPixels) {
  Image image;
  const auto names = test::golden_names("file/");
  ASSERT_GE(names.size(), 25u);
  for (const auto& name : names) {
    decode(test::golden_file(name[1]), turning(), name[1], image);
    const Image expected = test::golden_image("pixels/" + name[1]);
    EXPECT_EQ(test::difference(image, expected), 0) << name[1];
    const ImageInfo info = inspect(test::golden_file(name[1]), turning(), name[1]);
    EXPECT_EQ(info.height, expected.height()) << name[1];
    EXPECT_EQ(info.width, expected.width()) << name[1];
  }
}

TEST(Decode, ExifIsIgnoredUnlessAskedFor) {
  Image image, stored = test::golden_image("pixels/exif1.jpeg");
  decode(test::golden_file("exif6.jpeg"), {}, "exif6.jpeg", image);
  EXPECT_EQ(test::difference(image, stored), 0);
  EXPECT_EQ(inspect(test::golden_file("exif6.jpeg"), {}, "").orientation, 1);
  EXPECT_EQ(inspect(test::golden_file("exif6.jpeg"), turning(), "").orientation, 6);
}

/// Every rectangle of a few sizes, at every scale, against the same place of the whole image.
TEST(Decode, PartsEqualTheWholeImage) {
  for (const std::string name :
       {"444.jpeg", "422.jpeg", "420.jpeg", "progressive.jpeg", "grey.jpeg", "cmyk.jpeg", "RGB.png", "lossy.webp"}) {
    const auto bytes = test::golden_file(name);
    const ImageInfo info = inspect(bytes, {}, name);
    for (const int64_t eighths : {8, 4, 2, 1}) {
      Image whole, image;
      decode_part(bytes, {}, name, {0, 0, info.height, info.width}, eighths, whole);
      for (int64_t i = 0; i < 60; ++i) {
        const Region needed{i * 7 % info.height, i * 11 % info.width, 1 + i * 5 % (info.height - i * 7 % info.height),
                            1 + i * 3 % (info.width - i * 11 % info.width)};
        const ImagePart part = decode_part(bytes, {}, name, needed, eighths, image);
        ASSERT_EQ(part.whole_height, whole.height());
        const auto end = [&](int64_t at, int64_t size) { return std::min((at * part.eighths + 7) / 8, size); };
        for (int64_t y = needed.top * part.eighths / 8; y < end(needed.top + needed.height, whole.height()); ++y) {
          const int64_t x = needed.left * part.eighths / 8, columns = end(needed.left + needed.width, whole.width()) - x;
          ASSERT_EQ(std::memcmp(image.row(y - part.top) + (x - part.left) * 3, whole.row(y) + x * 3, static_cast<size_t>(columns * 3)), 0)
              << name << " at " << eighths << "/8, row " << y;
        }
      }
    }
  }
}

TEST(BadImage, WhatIsNoImageIsRefused) {
  EXPECT_NE(refusal({}).find("no bytes"), std::string::npos);
  const std::string text = "GIF89a, or any other text";
  EXPECT_NE(refusal(std::as_bytes(std::span(text))).find("neither a JPEG nor a PNG nor a WebP"), std::string::npos);
}

TEST(BadImage, EveryTruncationIsRefused) {
  for (const std::string name : {"420.jpeg", "progressive.jpeg", "P.png", "RGB16.png", "lossy.webp", "lossless.webp"}) {
    const auto bytes = test::golden_file(name);
    for (size_t size = 0; size < bytes.size() - 1; ++size) {
      ASSERT_NE(refusal(bytes.first(size)), "no error") << name << " cut to " << size << " of " << bytes.size() << " bytes";
    }
  }
}

/// Any one byte changed, decoded within bounds or refused in one line: no crash, and nothing that the sanitizers see.
TEST(BadImage, FlippedBytesNeverCrash) {
  Image image;
  int refused = 0;
  for (const std::string name : {"422.jpeg", "progressive.jpeg", "P.png", "lossy.webp", "alpha.webp"}) {
    const Content sound = content_of(name);
    for (size_t i = 0; i < sound.size(); i += 3) {
      Content damaged = sound;
      damaged[i] ^= std::byte{static_cast<uint8_t>(1 + i * 37 % 255)};
      refused += refusal(damaged, {.max_pixels = 100'000}) != "no error";
    }
  }
  EXPECT_GT(refused, 100);
}

size_t place_of(const Content& jpeg, uint8_t marker) {
  const std::array<std::byte, 2> wanted = {std::byte{0xFF}, std::byte{marker}};
  const auto found = std::search(jpeg.begin(), jpeg.end(), wanted.begin(), wanted.end());
  EXPECT_NE(found, jpeg.end());
  return static_cast<size_t>(found - jpeg.begin());
}

Content with_bytes(Content content, size_t at, std::initializer_list<int> bytes) {
  for (const int byte : bytes) content.insert(content.begin() + static_cast<std::ptrdiff_t>(at++), static_cast<std::byte>(byte));
  return content;
}

TEST(Decode, BytesThatDamageNoPixelAreLetPass) {
  const Content sound = content_of("420.jpeg");
  const Image expected = test::golden_image("pixels/420.jpeg");
  Image image;
  for (const Content& content : {with_bytes(sound, place_of(sound, 0xC4), {0, 1, 2}), with_bytes(sound, sound.size(), {1, 2, 3, 4}),
                                 with_bytes(sound, 2, {0xFF, 0xED, 0, 4, 7, 7})}) {
    decode(content, {}, "", image);
    EXPECT_EQ(test::difference(image, expected), 0);
  }
}

TEST(BadImage, AnEndThatComesTooEarlyIsRefused) {
  const Content sound = content_of("420.jpeg");
  const Content cut(sound.begin(), sound.end() - 40);
  EXPECT_NE(refusal(with_bytes(cut, cut.size(), {0xFF, 0xD9})).find("premature end"), std::string::npos);
}

TEST(BadImage, PartsOfATruncatedFileAreRefused) {
  const auto bytes = test::golden_file("420.jpeg");
  Image image;
  EXPECT_THROW(decode_part(bytes.first(bytes.size() - 40), {}, "", {0, 0, 2, 2}, 8, image), Error);
}

TEST(BadImage, SidesAreCheckedBeforeMemoryIsTaken) {
  Content jpeg = content_of("420.jpeg");
  const size_t sides = place_of(jpeg, 0xC0) + 5;
  for (const size_t side : {sides, sides + 2}) {
    jpeg[side] = std::byte{20000 >> 8};
    jpeg[side + 1] = std::byte{20000 & 255};
  }
  EXPECT_NE(refusal(jpeg).find("20000 x 20000 pixels"), std::string::npos);
  EXPECT_NE(refusal(test::golden_file("RGB.png"), {.max_pixels = 21 * 35 - 1}).find("max_pixels"), std::string::npos);
  EXPECT_EQ(refusal(test::golden_file("RGB.png"), {.max_pixels = 21 * 35}), "no error");
}

TEST(BadImage, RandomBytesAfterAPngSignatureAreRefused) {
  Content png = content_of("RGB.png");
  uint32_t state = 1;
  for (size_t i = 8; i < png.size(); ++i) png[i] = static_cast<std::byte>((state = state * 1664525u + 1013904223u) >> 24);
  EXPECT_NE(refusal(png).find("PNG"), std::string::npos);
}

}  // namespace
}  // namespace tessera::data
