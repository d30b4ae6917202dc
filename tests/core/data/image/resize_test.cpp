// SPDX-License-Identifier: Apache-2.0
// Pillow's bits, whatever part is computed and whatever part of the source is at hand.
#include "core/data/image/resize.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/core/data/image/golden.h"

namespace tessera::data {
namespace {

ResizePlan plan_of(const Image& source, int64_t height, int64_t width, Interpolation kind) {
  const SourceBox box{0, 0, static_cast<double>(source.height()), static_cast<double>(source.width())};
  return {source.height(), source.width(), box, height, width, {0, 0, height, width}, false, kind};
}

Image resized(const ResizePlan& plan, const Image& source) {
  Resizer resizer;
  Image out;
  resizer.prepare(plan);
  resizer.resize(source, 0, 0, out);
  return out;
}

Image cut_out(const Image& image, const Region& region) {
  Image out(region.height, region.width);
  for (int64_t y = 0; y < region.height; ++y) {
    std::memcpy(out.row(y), image.row(y + region.top) + region.left * 3, static_cast<size_t>(out.row_bytes()));
  }
  return out;
}

TEST(Resize, GivesPillowsBits) {
  const Image picture = test::golden_image("picture");
  const auto cases = test::golden_names("resize/");
  ASSERT_EQ(cases.size(), 16u);
  for (const auto& words : cases) {
    const auto number = [&](size_t i) { return std::stod(words[i]); };
    ResizePlan plan = plan_of(picture, std::stoll(words[2]), std::stoll(words[3]),
                              words[1] == "bicubic" ? Interpolation::bicubic : Interpolation::bilinear);
    plan.box = {number(5), number(4), number(7) - number(5), number(6) - number(4)};
    std::string name = words[0];
    for (size_t i = 1; i < words.size(); ++i) name += "/" + words[i];
    EXPECT_EQ(test::difference(resized(plan, picture), test::golden_image(name)), 0) << name;
  }
}

TEST(Resize, APartIsThatPartOfTheWhole) {
  const Image picture = test::golden_image("picture");
  for (const Interpolation kind : {Interpolation::bilinear, Interpolation::bicubic}) {
    for (const auto& [height, width] : {std::pair<int64_t, int64_t>{11, 17}, {40, 33}}) {
      ResizePlan plan = plan_of(picture, height, width, kind);
      const Image whole = resized(plan, picture);
      plan.part = {3, 5, 6, 7};
      EXPECT_EQ(test::difference(resized(plan, picture), cut_out(whole, plan.part)), 0);
    }
  }
}

TEST(Resize, NeedsNoMoreThanItSays) {
  const Image picture = test::golden_image("picture");
  for (int64_t top = 0; top < 6; ++top) {
    ResizePlan plan = plan_of(picture, 9, 8, Interpolation::bicubic);
    plan.part = {top, top / 2, 3, 4};
    const Image expected = resized(plan, picture);
    Resizer resizer;
    const Region needed = resizer.prepare(plan);
    EXPECT_LT(needed.height, picture.height());
    Image out;
    resizer.resize(cut_out(picture, needed), needed.top, needed.left, out);
    EXPECT_EQ(test::difference(out, expected), 0) << top;
  }
}

TEST(Resize, FlipMirrorsTheResult) {
  const Image picture = test::golden_image("picture");
  ResizePlan plan = plan_of(picture, 13, 10, Interpolation::bilinear);
  const Image straight = resized(plan, picture);
  plan.flip = true;
  const Image mirrored = resized(plan, picture);
  for (int64_t y = 0; y < 13; ++y) {
    for (int64_t x = 0; x < 10; ++x) ASSERT_EQ(std::memcmp(straight.row(y) + x * 3, mirrored.row(y) + (9 - x) * 3, 3), 0);
  }
}

TEST(Resize, OnePixelBecomesAnArea) {
  Image pixel(1, 1);
  std::fill_n(pixel.pixels(), 3, uint8_t{77});
  for (const Interpolation kind : {Interpolation::bilinear, Interpolation::bicubic}) {
    const Image area = resized(plan_of(pixel, 5, 224, kind), pixel);
    for (size_t i = 0; i < area.size_bytes(); ++i) ASSERT_EQ(area.pixels()[i], 77);
  }
}

}  // namespace
}  // namespace tessera::data
