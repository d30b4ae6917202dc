// SPDX-License-Identifier: Apache-2.0
#include "launcher/tensorboard/png.h"

#include <gtest/gtest.h>
#include <png.h>

namespace tessera::launcher {
namespace {

TEST(Png, HoldsSizeAndPixels) {
  Picture picture(300, 2, {9, 8, 7});
  picture.at(1, 0) = {255, 0, 128};
  picture.at(299, 1) = {1, 2, 3};
  const std::string png = png_of(picture);
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  ASSERT_TRUE(png_image_begin_read_from_memory(&image, png.data(), png.size())) << image.message;
  EXPECT_EQ(image.width, 300u);
  EXPECT_EQ(image.height, 2u);
  EXPECT_EQ(image.format, static_cast<png_uint_32>(PNG_FORMAT_RGB));
  std::vector<Colour> pixels(600);
  ASSERT_TRUE(png_image_finish_read(&image, nullptr, pixels.data(), 0, nullptr)) << image.message;
  EXPECT_EQ(pixels, picture.pixels);
}

}  // namespace
}  // namespace tessera::launcher
