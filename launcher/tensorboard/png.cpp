// SPDX-License-Identifier: Apache-2.0
#include "launcher/tensorboard/png.h"

#include <png.h>

#include "core/base/error.h"

namespace tessera::launcher {

std::string png_of(const Picture& picture) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(picture.width);
  image.height = static_cast<png_uint_32>(picture.height);
  image.format = PNG_FORMAT_RGB;
  std::string png(PNG_IMAGE_PNG_SIZE_MAX(image), '\0');
  png_alloc_size_t size_bytes = png.size();
  if (!png_image_write_to_memory(&image, png.data(), &size_bytes, 0, picture.pixels.data(), 0, nullptr)) {
    throw Error(ErrorKind::runtime, std::string("libpng does not write the picture: ") + image.message);
  }
  png.resize(size_bytes);
  return png;
}

}  // namespace tessera::launcher
