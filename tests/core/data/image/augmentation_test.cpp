// SPDX-License-Identifier: Apache-2.0
// Changes of colour and RandAugment's operations against torchvision's; what is drawn for a sample depends on the sample alone.
#include "core/data/image/augmentation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/base/error.h"
#include "core/data/image/color.h"
#include "core/data/image/crop.h"
#include "tests/core/data/image/golden.h"

namespace tessera::data {
namespace {

SampleRandom random_of(int64_t index, AugmentStage stage = AugmentStage::crop, int64_t epoch = 0, uint64_t seed = 1) {
  return {seed, index, epoch, stage};
}

void change(const std::string& name, double number, Image& image) {
  if (name == "adjust_brightness") return adjust_brightness(image, number);
  if (name == "adjust_contrast") return adjust_contrast(image, number);
  if (name == "adjust_saturation") return adjust_saturation(image, number);
  if (name == "adjust_hue") return adjust_hue(image, number);
  Image scratch;
  apply_operation(operation_of(name), number, image, scratch);
}

TEST(Augmentation, OperationsAreWithinOneOfTorchvisions) {
  const auto cases = test::golden_names("operation/");
  std::set<std::string> names;
  for (const auto& words : cases) {
    Image image = test::golden_image("picture");
    change(words[1], std::stod(words[2]), image);
    EXPECT_LE(test::difference(image, test::golden_image("operation/" + words[1] + "/" + words[2])), 1) << words[1] << " " << words[2];
    names.insert(words[1]);
  }
  EXPECT_EQ(names.size(), 4u + kAugmentOperations);
}

/// torchvision's default: step 9 of 31.
TEST(Augmentation, MagnitudesAreTorchvisions) {
  const auto magnitude = [](const char* name) { return magnitude_of(operation_of(name), 9, 31, 224, 331); };
  EXPECT_FLOAT_EQ(static_cast<float>(magnitude("ShearX")), 0.09f);
  EXPECT_FLOAT_EQ(static_cast<float>(magnitude("TranslateX")), 45.0f);
  EXPECT_FLOAT_EQ(static_cast<float>(magnitude("Rotate")), 9.0f);
  EXPECT_FLOAT_EQ(static_cast<float>(magnitude("Color")), 0.27f);
  EXPECT_EQ(magnitude("Posterize"), 7.0);
  EXPECT_FLOAT_EQ(static_cast<float>(magnitude("Solarize")), 0.7f);
  EXPECT_EQ(magnitude("Equalize"), 0.0);
  EXPECT_THROW(operation_of("Invert"), Error);
}

TEST(Augmentation, PixelsAreAFunctionOfSeedEpochAndSample) {
  const ColorJitterConfig jitter{0.4, 0.4, 0.4, 0.1};
  const auto jittered = [&](SampleRandom random) {
    Image image = test::golden_image("picture"), scratch;
    color_jitter(jitter, random, image);
    rand_augment({2, 9, 31}, random, image, scratch);
    return image;
  };
  int differing = 0;
  for (int64_t index = 0; index < 20; ++index) {
    const Image here = jittered(random_of(index));
    EXPECT_EQ(test::difference(here, jittered(random_of(index))), 0);
    differing += test::difference(here, jittered(random_of(index + 1))) > 0;
    differing += test::difference(here, jittered(random_of(index, AugmentStage::crop, 1))) > 0;
    differing += test::difference(here, jittered(random_of(index, AugmentStage::crop, 0, 2))) > 0;
    differing += test::difference(here, jittered(random_of(index, AugmentStage::jitter))) > 0;
  }
  EXPECT_GT(differing, 76);  // of 80
}

TEST(Crop, RandomRectanglesKeepScaleAndRatioAndLieInside) {
  const RectangleRange range{{0.08, 1.0}, {0.75, 4.0 / 3.0}};
  double area = 0, left = 0;
  constexpr int64_t kDraws = 4000;
  for (int64_t index = 0; index < kDraws; ++index) {
    SampleRandom random = random_of(index);
    const Region crop = random_resized_crop(300, 500, range, random);
    ASSERT_GE(crop.top, 0);
    ASSERT_GE(crop.left, 0);
    ASSERT_LE(crop.top + crop.height, 300);
    ASSERT_LE(crop.left + crop.width, 500);
    const double share = static_cast<double>(crop.height * crop.width) / (300 * 500),
                 ratio = static_cast<double>(crop.width) / static_cast<double>(crop.height);
    ASSERT_GT(share, 0.079);
    ASSERT_GT(ratio, 0.74);
    ASSERT_LT(ratio, 1.35);
    area += share / kDraws;
    left += static_cast<double>(crop.left) / static_cast<double>(500 - crop.width) / kDraws;
  }
  EXPECT_NEAR(left, 0.5, 0.02);
  EXPECT_GT(area, 0.35);  // 0.54 before those are drawn anew that do not fit
}

TEST(Crop, WhatNeverFitsIsTheLargestInTheMiddle) {
  SampleRandom random = random_of(1);
  const Region crop = random_resized_crop(10, 1000, {{1, 1}, {0.75, 4.0 / 3.0}}, random);
  EXPECT_EQ(crop.height, 10);
  EXPECT_EQ(crop.width, 13);
  EXPECT_EQ(crop.left, 493);
  const Region pixel = random_resized_crop(1, 1, {{0.08, 0.09}, {1, 1}}, random);
  EXPECT_EQ(pixel.height * pixel.width, 1);
}

TEST(Crop, NearestRoundsTheOtherWayRound) {
  EXPECT_EQ(scaled_to_short_side(373, 502, 256), (std::pair<int64_t, int64_t>{256, 344}));                            // of 344.54
  EXPECT_EQ(scaled_to_short_side(373, 502, 256, SideRounding::nearest), (std::pair<int64_t, int64_t>{256, 345}));  // of 344.54
  EXPECT_EQ(scaled_to_short_side(373, 500, 256, SideRounding::nearest), (std::pair<int64_t, int64_t>{256, 343}));  // of 343.16
  EXPECT_EQ(center_crop(256, 347, 224, 224).left, 62);  // of 61.5
  EXPECT_EQ(center_crop(256, 347, 224, 224, SideRounding::nearest).left, 61);
  EXPECT_EQ(center_crop(256, 345, 224, 224, SideRounding::nearest).left, 60);
}

/// torchvision's Resize(256) and CenterCrop(224).
TEST(Crop, EvaluationRoundsAsTorchvision) {
  EXPECT_EQ(scaled_to_short_side(375, 500, 256), (std::pair<int64_t, int64_t>{256, 341}));
  EXPECT_EQ(scaled_to_short_side(500, 333, 256), (std::pair<int64_t, int64_t>{384, 256}));
  EXPECT_EQ(scaled_to_short_side(7, 7, 256), (std::pair<int64_t, int64_t>{256, 256}));
  const Region crop = center_crop(256, 341, 224, 224);
  EXPECT_EQ(crop.top, 16);
  EXPECT_EQ(crop.left, 58);                    // of 58.5
  EXPECT_EQ(center_crop(4, 7, 4, 4).left, 2);  // of 1.5
}

TEST(Erasing, ErasesOneRectangleWithItsProbability) {
  ErasingConfig config;
  config.probability = 0.25;
  config.value = 7;
  int erased = 0;
  for (int64_t index = 0; index < 2000; ++index) {
    std::vector<float> image(size_t{20} * 30 * 3, 1.0f);
    SampleRandom random = random_of(index, AugmentStage::erasing);
    erase(config, random, 20, 30, image.data());
    const auto count = std::count(image.begin(), image.end(), 7.0f);
    EXPECT_EQ(count % 3, 0);
    EXPECT_EQ(count + std::count(image.begin(), image.end(), 1.0f), std::ssize(image));
    if (count == 0) continue;
    ++erased;
    EXPECT_GT(static_cast<double>(count) / static_cast<double>(image.size()), 0.01);
    EXPECT_LT(static_cast<double>(count) / static_cast<double>(image.size()), 0.37);
  }
  EXPECT_NEAR(erased, 500, 100);
}

}  // namespace
}  // namespace tessera::data
