// SPDX-License-Identifier: Apache-2.0
#include "launcher/report/sample_sheet.h"

#include <gtest/gtest.h>

#include <cstring>

#include "core/base/error.h"

namespace tessera::launcher {
namespace {

/// Images of two rows and three columns whose pixel (y, x) of channel c of sample i is i + 10 c + 100 (3 y + x); its class is i mod 3.
class FakeData : public data::Dataset {
 public:
  explicit FakeData(int64_t channels, int64_t samples = 5)
      : samples_(samples), fields_{{"inputs", DType::f32, {channels, 2, 3}, true}, {"targets", DType::i64, {}, false}} {}

  int64_t samples() const override { return samples_; }
  const std::vector<data::Field>& fields() const override { return fields_; }
  std::string fingerprint() const override { return "fake"; }
  std::optional<int64_t> classes() const override { return classes_; }
  std::vector<std::string> class_names() const override { return names_; }
  std::vector<data::Brightness> brightness() const override { return brightness_; }
  void read(int64_t index, const data::SampleContext& context, std::span<std::byte* const> destinations) const override {
    EXPECT_FALSE(context.training);
    const int64_t channels = fields_[0].shape[0];
    auto* image = reinterpret_cast<float*>(destinations[0]);
    for (int64_t i = 0; i < 6 * channels; ++i) image[i] = static_cast<float>(index + 10 * (i % channels) + 100 * (i / channels));
    const int64_t label = index % 3;
    std::memcpy(destinations[1], &label, sizeof label);
  }

  int64_t samples_;
  std::vector<data::Field> fields_;
  std::optional<int64_t> classes_ = 3;
  std::vector<std::string> names_;
  std::vector<data::Brightness> brightness_;
};

/// Says class 1 of everything, e^2 times as likely as either other.
class FakeTask : public Task {
 public:
  nn::Module& model() override { throw Error(ErrorKind::runtime, "it has none"); }
  std::vector<std::string> metric_names() const override { return {"loss"}; }
  QuantumLoss train(const data::Batch&, nn::ForwardContext&, Metrics&) override { throw Error(ErrorKind::runtime, "it does not"); }
  Tensor evaluate(const data::Batch& batch, nn::ForwardContext&, Metrics&) override {
    Tensor outputs = Tensor::zeros({batch.samples, 3});
    for (int64_t i = 0; i < batch.samples; ++i) outputs.data<float>()[3 * i + 1] = 2.0f;
    return outputs;
  }
};

constexpr Colour kGreen{30, 160, 60}, kRed{214, 40, 40}, kWhite{255, 255, 255};
constexpr int64_t kZoom = 21, kLeft = 8, kTop = 8;  // 64 / 3; a gap and a frame of 4 pixels each

TEST(SampleSheet, FramesAndPixelsStandWhereTheyShould) {
  auto data = std::make_shared<FakeData>(3);
  data->brightness_ = {{0.0, 1.0 / 510.0}, {0.0, 1.0 / 510.0}, {1.0, -1.0 / 510.0}};
  FakeTask task;
  const auto drawing = SampleSheet(data, 4).draw(task);
  ASSERT_TRUE(drawing);
  Picture picture = drawing->picture;
  EXPECT_EQ(picture.width, 2 * (3 * kZoom + 12) + 4);
  EXPECT_EQ(picture.height, 2 * (2 * kZoom + 12) + 4);
  EXPECT_EQ(picture.at(0, 0), kWhite);
  EXPECT_EQ(picture.at(4, 4), kRed);  // sample 0 is of class 0
  const int64_t right = kLeft + 3 * kZoom + 12;
  EXPECT_EQ(picture.at(right - 1, 4), kGreen);
  EXPECT_EQ(picture.at(kLeft, kTop), (Colour{0, 5, 245}));                                  // 0, 10 and 20 of 510, the last one reversed
  EXPECT_EQ(picture.at(kLeft + 3 * kZoom - 1, kTop), (Colour{100, 105, 145}));              // pixel (0, 2)
  EXPECT_EQ(picture.at(kLeft + kZoom, kTop + 2 * kZoom - 1), (Colour{200, 205, 45}));       // pixel (1, 1)
  EXPECT_EQ(picture.at(right, kTop), (Colour{1, 6, 245}));                                  // sample 1
}

TEST(SampleSheet, TheTableSaysWhatIsRight) {
  auto data = std::make_shared<FakeData>(1);
  data->names_ = {"ant", "bee"};
  FakeTask task;
  const auto drawing = SampleSheet(data, 100).draw(task);
  ASSERT_TRUE(drawing);
  EXPECT_NE(drawing->markdown.find("| 0 | ant | bee | 78.7 % | **wrong** |\n| 1 | bee | bee | 78.7 % |  |\n| 2 | 2 | bee |"), std::string::npos) << drawing->markdown;
  EXPECT_NE(drawing->markdown.find("| 4 | bee |"), std::string::npos);
  EXPECT_EQ(drawing->markdown.find("| 5 |"), std::string::npos);
}

TEST(SampleSheet, WithoutAKnownBrightnessAnImageFillsTheRange) {
  FakeTask task;
  Picture picture = SampleSheet(std::make_shared<FakeData>(1), 1).draw(task)->picture;
  EXPECT_EQ(picture.at(kLeft, kTop), (Colour{0, 0, 0}));
  EXPECT_EQ(picture.at(kLeft + 3 * kZoom - 1, kTop + 2 * kZoom - 1), kWhite);
}

TEST(SampleSheet, WhatIsNoPictureOfAClassIsLeftOut) {
  EXPECT_TRUE(SampleSheet(std::make_shared<FakeData>(1), 0).empty());
  EXPECT_TRUE(SampleSheet(std::make_shared<FakeData>(2), 4).empty());
  EXPECT_FALSE(SampleSheet(std::make_shared<FakeData>(1), 4).empty());
  auto data = std::make_shared<FakeData>(1);
  data->classes_ = std::nullopt;
  EXPECT_TRUE(SampleSheet(data, 4).empty());
  data = std::make_shared<FakeData>(1);
  data->fields_[0].image = false;
  EXPECT_TRUE(SampleSheet(data, 4).empty());
  data = std::make_shared<FakeData>(1);
  data->fields_[1].shape = {4};
  EXPECT_TRUE(SampleSheet(data, 4).empty());
}

TEST(SampleSheet, LargeImagesAreThinnedOut) {
  class Wide : public FakeData {
   public:
    Wide() : FakeData(1, 1) { fields_[0].shape = {1, 300, 1000}; }
    void read(int64_t, const data::SampleContext&, std::span<std::byte* const> destinations) const override {
      for (int64_t i = 0; i < 300000; ++i) reinterpret_cast<float*>(destinations[0])[i] = static_cast<float>(i % 1000);
      std::memset(destinations[1], 0, sizeof(int64_t));
    }
  };
  FakeTask task;
  Picture picture = SampleSheet(std::make_shared<Wide>(), 1).draw(task)->picture;
  EXPECT_EQ(picture.width, 250 + 16);
  EXPECT_EQ(picture.height, 75 + 16);
  EXPECT_EQ(picture.at(kLeft + 125, kTop + 3)[0], 128);  // column 500 of 0..999
}

}  // namespace
}  // namespace tessera::launcher
