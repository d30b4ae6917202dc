// SPDX-License-Identifier: Apache-2.0
#include "core/data/image/transform.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <thread>

#include "core/base/error.h"
#include "core/config/fields.h"
#include "core/config/yaml.h"
#include "tests/core/data/image/golden.h"

namespace tessera::data {
namespace {

ImageTransformConfig config_of(const std::string& yaml) {
  ImageTransformConfig config;
  config::read(config::parse_yaml(yaml, "keys"), config);
  return config;
}

std::vector<float> apply(const ImageTransform& transform, const std::string& name, int64_t index, const SampleContext& context) {
  std::vector<float> inputs(static_cast<size_t>(transform.shape().elements()));
  transform.apply(test::golden_file(name), name, index, context, inputs.data());
  return inputs;
}

const SampleContext kTraining{1, 0, 0, true};

TEST(ImageTransform, EvaluationNormalisesTheResizedMiddle) {
  const ImageTransform transform(config_of("{size: [9, 12], resize: 14, mean: [0.1, 0.2, 0.3], std: [0.5, 1, 2]}"), "test");
  const Image source = test::golden_image("pixels/420.jpeg");
  Resizer resizer;
  Image middle;
  resizer.prepare({21, 35, {0, 0, 21, 35}, 14, 23, {2, 6, 9, 12}, false, Interpolation::bilinear});  // 2.5 and 5.5, to even
  resizer.resize(source, 0, 0, middle);
  const std::vector<float> inputs = apply(transform, "420.jpeg", 0, kTraining);
  const double mean[] = {0.1, 0.2, 0.3}, std[] = {0.5, 1, 2};
  for (size_t i = 0; i < inputs.size(); ++i) ASSERT_NEAR(inputs[i], (middle.pixels()[i] / 255.0 - mean[i % 3]) / std[i % 3], 1e-6) << i;
}

TEST(ImageTransform, OtherConventionsOfInputs) {
  const std::string whole = "size: [21, 35], resize: 0, ";
  const Image source = test::golden_image("pixels/RGB.png");
  const auto inputs_of = [&](const std::string& keys) {
    return apply(ImageTransform(config_of("{" + whole + keys + "}"), "test"), "RGB.png", 0, {});
  };
  const std::vector<float> caffe = inputs_of("channel_order: bgr, divisor: 1, mean: [104, 117, 123], std: [1, 1, 1]");
  const std::vector<float> tensorflow = inputs_of("mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5]");
  const float mean[] = {104, 117, 123};
  for (size_t i = 0; i < caffe.size(); ++i) {
    ASSERT_EQ(caffe[i], static_cast<float>(source.pixels()[i / 3 * 3 + 2 - i % 3]) - mean[i % 3]);
    ASSERT_NEAR(tensorflow[i], source.pixels()[i] / 127.5 - 1, 1e-6);
  }
}

TEST(ImageTransform, BrightnessUndoesTheNormalisation) {
  const ImageTransform transform(config_of("{size: [21, 35], resize: 0, divisor: 1, mean: [104, 117, 123], std: [2, 3, 4]}"), "test");
  const std::vector<float> inputs = apply(transform, "RGB.png", 0, {});
  const Image source = test::golden_image("pixels/RGB.png");
  const std::vector<Brightness> channels = transform.brightness();
  for (size_t i = 0; i < inputs.size(); ++i)
    ASSERT_NEAR(inputs[i] * channels[i % 3].factor + channels[i % 3].offset, source.pixels()[i] / 255.0, 1e-6);
}

constexpr const char* kEverything =
    "{size: [16, 12], scale: [0.2, 1], color_jitter: {brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1}, "
    "rand_augment: {operations: 2}, erasing: {probability: 0.5}}";

TEST(ImageTransform, ASampleIsTheSameOnEveryThreadAndInEveryOrder) {
  const ImageTransform transform(config_of(kEverything), "train");
  std::vector<std::vector<float>> first(12);
  for (size_t i = 0; i < first.size(); ++i) first[i] = apply(transform, "420.jpeg", static_cast<int64_t>(i), kTraining);
  std::vector<std::thread> threads;
  std::vector<int> equal(3, 0);
  for (size_t t = 0; t < equal.size(); ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = first.size(); i-- > 0;) {
        apply(transform, "RGB.png", 99, kTraining);
        equal[t] += apply(transform, "420.jpeg", static_cast<int64_t>(i), kTraining) == first[i];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const int count : equal) EXPECT_EQ(count, std::ssize(first));
  EXPECT_NE(first[0], first[1]);
  EXPECT_NE(apply(transform, "420.jpeg", 0, {1, 1, 0, true}), first[0]);
  EXPECT_NE(apply(transform, "420.jpeg", 0, {2, 0, 0, true}), first[0]);
}

TEST(ImageTransform, OnlyTrainingOfSplitTrainIsAugmented) {
  const ImageTransform train(config_of(kEverything), "train"), test(config_of(kEverything), "test");
  EXPECT_EQ(apply(test, "420.jpeg", 3, kTraining), apply(test, "420.jpeg", 4, {}));
  EXPECT_EQ(apply(train, "420.jpeg", 3, {}), apply(test, "420.jpeg", 4, {}));
  EXPECT_NE(apply(train, "420.jpeg", 3, kTraining), apply(test, "420.jpeg", 3, kTraining));
}

TEST(ImageTransform, HalfOfTheImagesAreMirrored) {
  const ImageTransform straight(config_of("{size: [8, 8], train_crop: center, resize: 8, flip: false}"), "train");
  const ImageTransform flipping(config_of("{size: [8, 8], train_crop: center, resize: 8}"), "train");
  int flipped = 0;
  for (int64_t index = 0; index < 400; ++index)
    flipped += apply(flipping, "444.jpeg", index, kTraining) != apply(straight, "444.jpeg", index, kTraining);
  EXPECT_NEAR(flipped, 200, 50);
}

/// A crop that is much larger than the result is decoded at a fraction of its size: about the same picture.
TEST(ImageTransform, ScaledDecodingGivesAboutTheSamePixels) {
  const std::string keys = "size: [4, 4], scale: [0.9, 1.0], flip: false, mean: [0, 0, 0], std: [1, 1, 1]";
  const ImageTransform scaled(config_of("{" + keys + "}"), "train"), full(config_of("{" + keys + ", scaled_decode: false}"), "train");
  const std::vector<float> a = apply(scaled, "444.jpeg", 0, kTraining), b = apply(full, "444.jpeg", 0, kTraining);
  EXPECT_NE(a, b);
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 0.1) << i;
}

TEST(ImageTransform, OnePixelImagesAndTurnedImagesWork) {
  for (const std::string crop : {"random_resized", "random", "center"}) {
    const ImageTransform transform(config_of("{size: [6, 5], resize: 8, exif_orientation: true, train_crop: " + crop + "}"), "train");
    for (const std::string name : {"exif6.jpeg", "exif3.jpeg", "pixel.jpeg", "pixel.png", "pixel.webp"}) {
      for (const float value : apply(transform, name, 1, kTraining)) ASSERT_TRUE(std::isfinite(value)) << name;
    }
  }
}

TEST(ImageTransform, BadImagesNameTheirPlace) {
  const ImageTransform transform(config_of("{}"), "train");
  std::vector<float> inputs(static_cast<size_t>(transform.shape().elements()));
  try {
    transform.apply(test::golden_file("420.jpeg").first(300), "shard.tar, entry 7", 0, kTraining, inputs.data());
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).rfind("shard.tar, entry 7: not a sound JPEG image", 0), 0u) << error.what();
  }
}

TEST(ImageTransform, KeysThatDoNotFitAreNamed) {
  const std::pair<const char*, const char*> cases[] = {{"{size: [224]}", "data.size"},
                                                       {"{size: [300, 224]}", "data.resize"},
                                                       {"{mean: [0.5]}", "data.mean"},
                                                       {"{std: [1, 1]}", "data.std"},
                                                       {"{scale: [1.0, 0.1]}", "data.scale"},
                                                       {"{ratio: [0.1]}", "data.ratio"},
                                                       {"{erasing: {scale: [0.3]}}", "data.erasing.scale"},
                                                       {"{rand_augment: {magnitude: 31}}", "rand_augment.magnitude"}};
  for (const auto& [yaml, key] : cases) {
    try {
      ImageTransform(config_of(yaml), "train");
      ADD_FAILURE() << yaml;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      EXPECT_NE(std::string(error.what()).find(key), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace tessera::data
