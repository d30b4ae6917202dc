// SPDX-License-Identifier: Apache-2.0
#include "core/data/cifar10.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>

#include "core/base/error.h"
#include "core/config/fields.h"
#include "core/data/loader.h"
#include "tests/core/data/expect.h"
#include "tests/temporary_folder.h"

namespace tessera::data {
namespace {

constexpr size_t kPlane = 32 * 32;

/// Channel c, row y, column x of image `label` is label * 20 + c * 50 + y + x.
std::string record(int label) {
  std::string bytes(1, static_cast<char>(label));
  for (int i = 0; i < 3 * 32 * 32; ++i) bytes.push_back(static_cast<char>(label * 20 + i / 1024 * 50 + i / 32 % 32 + i % 32));
  return bytes;
}

std::string records(int first, int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes += record((first + i) % 10);
  return bytes;
}

class Cifar10Test : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& content) { std::ofstream(folder_.path() / name, std::ios::binary) << content; }
  Cifar10Config settings() const {
    Cifar10Config config;
    config.root = folder_.path();
    config.train_files = {"a.bin", "b.bin"};
    return config;
  }
  void write_train() {
    write("a.bin", records(0, 3));
    write("b.bin", records(3, 4));
  }
  std::string error_of(const Cifar10Config& config, ErrorKind kind = ErrorKind::data, std::string_view split = "train") const {
    try {
      open_cifar10(config, split)->fingerprint();
      return "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
      return error.what();
    }
  }

  test::TemporaryFolder folder_;
};

TEST_F(Cifar10Test, PlanesBecomeNormalisedChannelsLast) {
  write_train();
  const std::shared_ptr<const Dataset> dataset = open_cifar10(settings(), "train");
  ASSERT_EQ(dataset->samples(), 7);
  EXPECT_EQ(dataset->classes(), 10);
  EXPECT_EQ(dataset->labels(), (std::vector<int32_t>{0, 1, 2, 3, 4, 5, 6}));
  EXPECT_TRUE(dataset->fields()[0].image);
  EXPECT_EQ(dataset->fields()[0].shape, (Shape{3, 32, 32}));
  const Batch batch = *EvaluationLoader(dataset, 7, 1, 0).next();
  const float mean[] = {0.485f, 0.456f, 0.406f}, std[] = {0.229f, 0.224f, 0.225f};
  for (size_t sample = 0; sample < 7; ++sample) {
    EXPECT_EQ(batch.at("targets").data<int64_t>()[sample], static_cast<int64_t>(sample));
    const std::string bytes = record(static_cast<int>(sample));
    const float* image = batch.at("inputs").data<float>() + sample * 3 * kPlane;
    for (size_t i = 0; i < 3 * kPlane; ++i) {
      const size_t channel = i % 3, pixel = i / 3;
      const float raw = static_cast<float>(static_cast<uint8_t>(bytes[1 + channel * kPlane + pixel]));
      ASSERT_EQ(image[i], (raw / 255.0f - mean[channel]) / std[channel]) << sample << " " << i;
    }
  }
}

TEST_F(Cifar10Test, TheTestSplitIsOneFile) {
  write("test_batch.bin", records(5, 2));
  const auto dataset = open_cifar10(settings(), "test");
  EXPECT_EQ(dataset->samples(), 2);
  expect_in("there is no split 'validation'; there is train, test", error_of(settings(), ErrorKind::usage, "validation"));
}

TEST_F(Cifar10Test, TheFingerprintIsOfTheSamplesWhateverTheirFiles) {
  write_train();
  const std::string fingerprint = open_cifar10(settings(), "train")->fingerprint();
  write("all.bin", records(0, 7));
  Cifar10Config one_file = settings();
  one_file.train_files = {"all.bin"};
  EXPECT_EQ(open_cifar10(one_file, "train")->fingerprint(), fingerprint);
  one_file.limit_samples = 6;
  EXPECT_EQ(open_cifar10(one_file, "train")->samples(), 6);
  EXPECT_NE(open_cifar10(one_file, "train")->fingerprint(), fingerprint);
  one_file.limit_samples = 0;
  std::string changed = records(0, 7);
  changed.back() ^= 1;
  write("all.bin", changed);
  EXPECT_NE(open_cifar10(one_file, "train")->fingerprint(), fingerprint);
}

TEST_F(Cifar10Test, UnsoundFilesAreNamed) {
  expect_in("a.bin: there is no such file", error_of(settings()));
  write_train();
  EXPECT_EQ(error_of(settings()), "no error");
  write("b.bin", "");
  expect_in("b.bin: not a sound file", error_of(settings()));
  expect_in("it is empty", error_of(settings()));
  write("b.bin", records(0, 2) + "x");
  expect_in("6147 bytes are no multiple of 3073", error_of(settings()));
  write("b.bin", records(0, 2).substr(0, 5000));
  expect_in("5000 bytes are no multiple of 3073", error_of(settings()));
  std::string label = records(0, 3);
  label[2 * 3073] = 10;
  write("b.bin", label);
  expect_in("b.bin: not a sound file of CIFAR-10's binary version: record 2 has label 10", error_of(settings()));
  Cifar10Config limited = settings();
  limited.limit_samples = 1;
  expect_in("record 2 has label 10", error_of(limited));
  std::filesystem::remove(folder_.path() / "b.bin");
  std::filesystem::create_directory(folder_.path() / "b.bin");
  expect_in("b.bin", error_of(settings()));
}

TEST_F(Cifar10Test, BadKeys) {
  write_train();
  const auto expect_refused = [&](const std::string& part, const std::function<void(Cifar10Config&)>& change) {
    Cifar10Config config = settings();
    change(config);
    expect_in(part, error_of(config, ErrorKind::usage));
  };
  expect_refused("data.mean: 2 numbers for 3 channels", [](Cifar10Config& c) { c.mean = {0.5, 0.5}; });
  expect_refused("data.std: 4 numbers for 3 channels", [](Cifar10Config& c) { c.std = {1, 1, 1, 1}; });
  expect_refused("data.std: not a positive number", [](Cifar10Config& c) { c.std = {1, 0, 1}; });
  expect_refused("data.train_files: no file is named", [](Cifar10Config& c) { c.train_files.clear(); });
  expect_refused("data.limit_samples", [](Cifar10Config& c) { c.limit_samples = -1; });
  expect_refused("data.crop_padding: 32 pixels of padding", [](Cifar10Config& c) { c.augment.crop_padding = 32; });
}

TEST_F(Cifar10Test, DeclaresItsKeys) {
  std::vector<std::string> paths;
  for (const config::KeyInfo& key : config::default_keys<Cifar10Config>()) paths.push_back(key.path);
  EXPECT_EQ(paths, (std::vector<std::string>{"root", "train_files", "mean", "std", "crop_padding", "flip", "limit_samples"}));
  EXPECT_EQ(config::default_keys<Cifar10Config>()[1].value,
            "[data_batch_1.bin, data_batch_2.bin, data_batch_3.bin, data_batch_4.bin, data_batch_5.bin]");
}

}  // namespace
}  // namespace tessera::data
