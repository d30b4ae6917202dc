// SPDX-License-Identifier: Apache-2.0
// Any bytes as an image file: refused with a data error of one line, or decoded, and then a part equals that place of the whole. The last
// byte chooses the part and whether EXIF is obeyed.
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "core/data/image/decode.h"
#include "tests/fuzz/require.h"

namespace {

using namespace tessera::data;

constexpr int64_t kMaxPixels = 1 << 16;

void compare_part(std::span<const std::byte> bytes, const DecodeOptions& options, const Image& whole, unsigned choice) {
  const int64_t top = whole.height() * (choice & 7) / 8, left = whole.width() * (choice >> 3 & 7) / 8;
  const Region needed{top, left, whole.height() - top, std::max<int64_t>((whole.width() - left) / 2, 1)};
  Image image;
  const ImagePart part = decode_part(bytes, options, "fuzz", needed, 8, image);
  require(part.top <= top && part.left <= left && part.top + image.height() >= top + needed.height &&
              part.left + image.width() >= left + needed.width,
          "the part lacks pixels");
  for (int64_t y = top; y < top + needed.height; ++y) {
    const uint8_t* const got = image.row(y - part.top) + (left - part.left) * Image::kChannels;
    require(std::memcmp(got, whole.row(y) + left * Image::kChannels, static_cast<size_t>(needed.width * Image::kChannels)) == 0,
            "another part than of the whole");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const unsigned choice = data[size - 1];
  const auto bytes = std::as_bytes(std::span(data, size - 1));
  const DecodeOptions options{kMaxPixels, choice >= 128};
  Image image;
  try {
    const ImageInfo info = inspect(bytes, options, "fuzz");
    decode(bytes, options, "fuzz", image);
    require(image.height() == info.height && image.width() == info.width, "another size than the header's");
    require(image.height() * image.width() <= kMaxPixels, "more pixels than allowed");
    unsigned sum = 0;
    for (size_t i = 0; i < image.size_bytes(); ++i) sum += image.pixels()[i];
    require(sum <= 255 * image.size_bytes(), "numbers above 255");
    compare_part(bytes, options, image, choice);
  } catch (const tessera::Error& error) {
    require_refusal(error, tessera::ErrorKind::data);
  }
  return 0;
}
