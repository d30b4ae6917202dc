// SPDX-License-Identifier: Apache-2.0
#include "core/data/augment.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <numeric>
#include <tuple>
#include <vector>

#include "core/base/error.h"
#include "core/data/loader.h"
#include "core/data/tensors.h"
#include "core/format/safetensors_writer.h"
#include "tests/temporary_folder.h"

namespace tessera::data {
namespace {

const Field kImage{"inputs", DType::f32, {3, 8, 9}, true};

SampleContext training(int64_t epoch, uint64_t seed = 1) { return {seed, epoch, 0, true}; }

std::tuple<int64_t, int64_t, bool> tuple_of(const Placement& p) { return {p.top, p.left, p.flip}; }

TEST(Augmenter, PlacementIsAFunctionOfSeedEpochAndSampleOnly) {
  const Augmenter augmenter({4, true}, "train", kImage), other({4, true}, "train", kImage);
  int differing_epoch = 0, differing_seed = 0, differing_sample = 0;
  for (int64_t index = 0; index < 200; ++index) {
    SampleContext context = training(3);
    const auto here = tuple_of(augmenter.place(index, context));
    context.position = 1000 - index;
    EXPECT_EQ(tuple_of(other.place(index, context)), here);
    differing_epoch += tuple_of(augmenter.place(index, training(4))) != here;
    differing_seed += tuple_of(augmenter.place(index, training(3, 2))) != here;
    differing_sample += tuple_of(augmenter.place(index + 1, training(3))) != here;
  }
  EXPECT_GT(differing_epoch, 150);
  EXPECT_GT(differing_seed, 150);
  EXPECT_GT(differing_sample, 150);
}

TEST(Augmenter, EveryPlacementIsEquallyLikely) {
  const Augmenter augmenter({2, true}, "train", kImage);
  std::map<std::tuple<int64_t, int64_t, bool>, int> counts;
  constexpr int kDraws = 50'000;
  for (int64_t index = 0; index < kDraws; ++index) ++counts[tuple_of(augmenter.place(index, training(0)))];
  ASSERT_EQ(counts.size(), 50u);
  for (const auto& [placement, count] : counts) {
    EXPECT_GE(std::get<0>(placement), -2);
    EXPECT_LE(std::get<1>(placement), 2);
    EXPECT_NEAR(count, kDraws / 50, 200);  // more than six deviations
  }
}

TEST(Augmenter, OnlyTrainingIsAugmented) {
  const auto identity = tuple_of({});
  const Augmenter none({0, false}, "train", kImage), test({4, true}, "test", kImage), train({4, true}, "train", kImage);
  for (int64_t index = 0; index < 50; ++index) {
    EXPECT_EQ(tuple_of(none.place(index, training(0))), identity);
    EXPECT_EQ(tuple_of(test.place(index, training(0))), identity);
    EXPECT_EQ(tuple_of(train.place(index, {1, 0, 0, false})), identity);
    EXPECT_FALSE(Augmenter({4, false}, "train", kImage).place(index, training(0)).flip);
    EXPECT_EQ(Augmenter({0, true}, "train", kImage).place(index, training(0)).top, 0);
  }
}

TEST(Augmenter, RefusesWhatIsNoImageOrTooSmall) {
  const Field row{"inputs", DType::f32, {9}, false};
  EXPECT_NO_THROW(Augmenter({0, false}, "train", row));
  EXPECT_THROW(Augmenter({0, true}, "train", row), Error);
  EXPECT_THROW(Augmenter({0, true}, "test", row), Error);
  EXPECT_NO_THROW(Augmenter({7, false}, "train", kImage));
  EXPECT_THROW(Augmenter({8, false}, "train", kImage), Error);
}

/// The slow way: a padded planar copy, cropped and flipped pixel by pixel.
std::vector<float> reference(const std::vector<uint8_t>& image, const Shape& shape, int64_t padding, const Placement& placement) {
  const int64_t channels = shape[0], height = shape[1], width = shape[2];
  std::vector<float> result;
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      for (int64_t channel = 0; channel < channels; ++channel) {
        const int64_t padded_y = y + placement.top + padding, padded_x = (placement.flip ? width - 1 - x : x) + placement.left + padding;
        const bool inside = padded_y >= padding && padded_y < padding + height && padded_x >= padding && padded_x < padding + width;
        const int raw = inside ? image[static_cast<size_t>((channel * height + padded_y - padding) * width + padded_x - padding)] : 0;
        result.push_back(static_cast<float>(raw) * 0.5f + static_cast<float>(channel) - 7.0f);
      }
    }
  }
  return result;
}

TEST(PlaceImage, EqualsPaddingCroppingAndFlippingOneByOne) {
  for (const Shape& shape : {Shape{3, 4, 5}, Shape{1, 3, 3}, Shape{2, 1, 6}}) {
    std::vector<uint8_t> image(static_cast<size_t>(shape.elements()));
    std::iota(image.begin(), image.end(), uint8_t{1});
    for (int64_t top = -3; top <= 3; ++top) {
      for (int64_t left = -7; left <= 7; ++left) {
        for (const bool flip : {false, true}) {
          std::vector<float> placed(image.size(), -1000.0f);
          place_image(image.data(), shape, {top, left, flip}, placed.data(), [](int64_t channel, uint8_t pixel) {
            return static_cast<float>(pixel) * 0.5f + static_cast<float>(channel) - 7.0f;
          });
          ASSERT_EQ(placed, reference(image, shape, 10, {top, left, flip})) << shape.text() << " " << top << " " << left << " " << flip;
        }
      }
    }
  }
}

/// The whole way: the same epoch over several workers and dealings, and another epoch.
TEST(Augmentation, WorkersAndRanksDoNotShow) {
  const test::TemporaryFolder folder;
  Tensor inputs = Tensor::empty({12, 2, 6, 6}), targets = Tensor::empty({12}, DType::i64);
  for (int64_t i = 0; i < inputs.elements(); ++i) inputs.data<float>()[i] = static_cast<float>(i + 1);
  for (int64_t i = 0; i < 12; ++i) targets.data<int64_t>()[i] = i;
  SafetensorsWriter writer(folder.path() / "train.safetensors", {{"inputs", DType::f32, {12, 2, 6, 6}}, {"targets", DType::i64, {12}}});
  writer.write(inputs);
  writer.write(targets);
  writer.close();
  TensorsConfig config;
  config.root = folder.path();
  config.train = "train.safetensors";
  config.augment = {2, true};
  const std::shared_ptr<const Dataset> dataset = open_tensors(config, "train");
  const auto epoch_of = [&](int workers, int64_t first_step, std::vector<int64_t> quanta) {
    Loader loader(dataset, std::make_shared<SequentialSampler>(12), {12, 4}, 5);
    loader.start(first_step, first_step + 1, [quanta](int64_t) { return quanta; }, {workers, 4});
    std::vector<std::vector<float>> images(3);
    for (size_t i = 0; i < quanta.size(); ++i) {
      const Batch batch = loader.next();
      const Tensor& tensor = batch.at("inputs");
      images[static_cast<size_t>(batch.quantum)] = {tensor.data<float>(), tensor.data<float>() + tensor.elements()};
    }
    return images;
  };
  const auto whole = epoch_of(0, 0, {0, 1, 2});
  EXPECT_EQ(epoch_of(3, 0, {2, 0, 1}), whole);
  EXPECT_EQ(epoch_of(1, 0, {1})[1], whole[1]);
  EXPECT_NE(epoch_of(0, 1, {0, 1, 2}), whole);
  const Batch plain = *EvaluationLoader(dataset, 12, 1, 0).next();
  EXPECT_EQ(contiguous(plain.at("inputs")).data<float>()[12 * 72 - 1], 12.0f * 72.0f);
}

}  // namespace
}  // namespace tessera::data
