// SPDX-License-Identifier: Apache-2.0
#include "core/data/tensors.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "core/config/fields.h"
#include "core/data/loader.h"
#include "core/format/safetensors_writer.h"
#include "tests/core/data/expect.h"
#include "tests/temporary_folder.h"

namespace tessera::data {
namespace {

class TensorsTest : public testing::Test {
 protected:
  void write(const std::vector<std::pair<std::string, Tensor>>& tensors) {
    std::vector<SafetensorsEntry> entries;
    for (const auto& [name, tensor] : tensors) entries.push_back({name, tensor.dtype(), {tensor.shape().begin(), tensor.shape().end()}});
    SafetensorsWriter writer(folder_.path() / "train.safetensors", entries);
    for (const auto& [name, tensor] : tensors) writer.write(tensor);
    writer.close();
  }
  TensorsConfig settings() const {
    TensorsConfig tensors;
    tensors.root = folder_.path();
    tensors.train = "train.safetensors";
    return tensors;
  }
  Batch first_batch(int64_t samples) const {
    const std::shared_ptr<const Dataset> dataset = open_tensors(settings(), "train");
    return *EvaluationLoader(dataset, samples, 1, 0).next();
  }
  std::string error_with(const std::vector<std::pair<std::string, Tensor>>& tensors, int64_t classes = 0) {
    write(tensors);
    TensorsConfig with = settings();
    with.classes = classes;
    try {
      open_tensors(with, "train");
      return "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      EXPECT_NE(std::string(error.what()).find("train.safetensors: "), std::string::npos) << error.what();
      return error.what();
    }
  }

  test::TemporaryFolder folder_;
};

template <typename Element>
Tensor counting(const Shape& shape, Element first = 0) {
  std::vector<Element> values;
  for (int64_t i = 0; i < shape.elements(); ++i) values.push_back(static_cast<Element>(first + static_cast<Element>(i)));
  return Tensor::of<Element>(values, shape);
}

TEST_F(TensorsTest, ImagesBecomeChannelsLast) {
  const Tensor inputs = counting<float>({2, 3, 4, 5});
  write({{"inputs", inputs}, {"targets", counting<int64_t>({2})}});
  const Batch batch = first_batch(2);
  const Tensor& images = batch.at("inputs");
  EXPECT_EQ(images.shape(), (Shape{2, 3, 4, 5}));
  EXPECT_TRUE(images.is_channels_last());
  const Tensor back = contiguous(images);
  for (int i = 0; i < 120; ++i) EXPECT_EQ(back.data<float>()[i], static_cast<float>(i));
  EXPECT_EQ(batch.at("targets").data<int64_t>()[1], 1);
  EXPECT_EQ(open_tensors(settings(), "train")->classes(), 2);
}

TEST_F(TensorsTest, DTypesAreConverted) {
  Tensor half = Tensor::empty({2, 2}, DType::bf16);
  for (int i = 0; i < 4; ++i) half.data<uint16_t>()[i] = 0x3fc0;
  write({{"inputs", half}, {"targets", counting<int32_t>({2}, 5)}});
  EXPECT_EQ(first_batch(2).at("inputs").data<float>()[3], 1.5f);
  EXPECT_EQ(first_batch(2).at("targets").data<int64_t>()[1], 6);

  write({{"inputs", counting<uint8_t>({2, 2}, 254)}, {"targets", counting<float>({2, 3})}});
  EXPECT_EQ(first_batch(2).at("inputs").data<float>()[1], 255.0f);
  EXPECT_EQ(first_batch(2).at("targets").data<float>()[5], 5.0f);
  EXPECT_FALSE(open_tensors(settings(), "train")->classes().has_value());
  EXPECT_TRUE(open_tensors(settings(), "train")->labels().empty());

  write({{"inputs", counting<int32_t>({3, 4})}, {"targets", counting<uint8_t>({3})}});  // tokens
  EXPECT_EQ(first_batch(3).at("inputs").data<int64_t>()[11], 11);
  EXPECT_EQ(first_batch(3).at("targets").data<int64_t>()[2], 2);
  EXPECT_EQ(open_tensors(settings(), "train")->labels(), (std::vector<int32_t>{0, 1, 2}));
}

TEST_F(TensorsTest, NonFiniteInputsPass) {
  write({{"inputs", Tensor::of<float>(std::vector<float>{std::numeric_limits<float>::infinity()}, {1})},
         {"targets", counting<int64_t>({1})}});
  EXPECT_EQ(first_batch(1).at("inputs").data<float>()[0], std::numeric_limits<float>::infinity());
}

TEST_F(TensorsTest, FingerprintsAreOfTheContents) {
  write({{"inputs", counting<float>({3, 2})}, {"targets", counting<int64_t>({3})}});
  const std::string one = open_tensors(settings(), "train")->fingerprint();
  TensorsConfig limited = settings();
  limited.limit_samples = 2;
  EXPECT_EQ(open_tensors(limited, "train")->samples(), 2);
  EXPECT_NE(open_tensors(limited, "train")->fingerprint(), one);
  write({{"other", counting<uint8_t>({1})}, {"inputs", counting<float>({3, 2})}, {"targets", counting<int64_t>({3})}});
  EXPECT_EQ(open_tensors(settings(), "train")->fingerprint(), one);
  write({{"inputs", counting<float>({3, 2}, 1)}, {"targets", counting<int64_t>({3})}});
  EXPECT_NE(open_tensors(settings(), "train")->fingerprint(), one);
}

TEST_F(TensorsTest, WhatDoesNotFitIsAnError) {
  const Tensor inputs = counting<float>({3, 2}), targets = counting<int64_t>({3});
  expect_in("there is no tensor 'targets'; the file has 'inputs'", error_with({{"inputs", inputs}}));
  expect_in("inputs have 3 samples, targets 4", error_with({{"inputs", inputs}, {"targets", counting<int64_t>({4})}}));
  expect_in("'inputs' has dtype bool", error_with({{"inputs", Tensor::zeros({3}, DType::boolean)}, {"targets", targets}}));
  expect_in("'targets' has dtype f16", error_with({{"inputs", inputs}, {"targets", Tensor::zeros({3}, DType::f16)}}));
  expect_in("'inputs' is a scalar", error_with({{"inputs", counting<float>({})}, {"targets", targets}}));
  expect_in("has empty samples", error_with({{"inputs", counting<float>({3, 0})}, {"targets", targets}}));
  expect_in("no samples", error_with({{"inputs", counting<float>({0, 2})}, {"targets", counting<int64_t>({0})}}));
  expect_in("class 2 of sample 2 is not in [0, 2)", error_with({{"inputs", inputs}, {"targets", targets}}, 2));
  expect_in("class -1 of sample 0 is not in [0, ", error_with({{"inputs", inputs}, {"targets", counting<int64_t>({3}, -1)}}));
  EXPECT_EQ(error_with({{"inputs", inputs}, {"targets", targets}}, 3), "no error");
}

TEST_F(TensorsTest, DeclaresItsKeys) {
  std::vector<std::string> paths;
  for (const config::KeyInfo& key : config::default_keys<TensorsConfig>()) paths.push_back(key.path);
  EXPECT_EQ(paths, (std::vector<std::string>{"root", "train", "validation", "test", "crop_padding", "flip", "classes", "limit_samples"}));
}

TEST_F(TensorsTest, SplitsAreTheFilesGiven) {
  TensorsConfig two = settings();
  two.test = "test.safetensors";
  try {
    open_tensors(two, "validation");
    FAIL();
  } catch (const Error& error) {
    expect_in("there is no split 'validation'; there is train, test", error.what());
  }
  EXPECT_THROW(open_tensors(two, "test"), Error);  // no such file
  EXPECT_THROW(open_tensors(TensorsConfig{}, "train"), Error);
}

}  // namespace
}  // namespace tessera::data
