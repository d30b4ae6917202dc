// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <png.h>

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/base/file.h"

namespace tessera::test {

/// A PNG file of side x side pixels of one colour.
inline std::string png_of(uint8_t red, uint8_t green, uint8_t blue, uint32_t side = 8) {
  std::vector<uint8_t> pixels;
  for (uint32_t i = 0; i < side * side; ++i) pixels.insert(pixels.end(), {red, green, blue});
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = image.height = side;
  image.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = 0;
  png_image_write_to_memory(&image, nullptr, &size, 0, pixels.data(), 0, nullptr);
  std::string bytes(size, '\0');
  if (!png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels.data(), 0, nullptr)) throw std::runtime_error(image.message);
  bytes.resize(size);
  return bytes;
}

/// Makes the folders of the path, too.
inline void write_image(const std::filesystem::path& path, const std::string& bytes) {
  std::filesystem::create_directories(path.parent_path());
  write_file_atomically(path, bytes, ErrorKind::data);
}

}  // namespace tessera::test
