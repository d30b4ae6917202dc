// SPDX-License-Identifier: Apache-2.0
#include "core/data/loader.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <set>
#include <thread>

#include "core/base/error.h"
#include "core/data/dealing.h"

namespace tessera::data {
namespace {

/// Sample i is (i, epoch, position); counts reads, and fails or sleeps where told.
class FakeDataset final : public Dataset {
 public:
  explicit FakeDataset(int64_t samples)
      : samples_(samples), fields_{{"inputs", DType::f32, {2, 1, 1}, true}, {"targets", DType::i64, {}, false}} {}

  int64_t samples() const override { return samples_; }
  const std::vector<Field>& fields() const override { return fields_; }
  std::string fingerprint() const override { return "0"; }
  void read(int64_t index, const SampleContext& context, std::span<std::byte* const> destinations) const override {
    ++reads;
    if (index == broken_index) throw Error(ErrorKind::data, "sample is broken", "fake");
    std::this_thread::sleep_for(std::chrono::microseconds(sleep_us));
    const float input[] = {static_cast<float>(context.epoch), static_cast<float>(context.position)};
    std::memcpy(destinations[0], input, sizeof input);
    std::memcpy(destinations[1], &index, sizeof index);
  }

  int64_t broken_index = -1;
  int64_t sleep_us = 0;
  mutable std::atomic<int64_t> reads{0};

 private:
  int64_t samples_;
  std::vector<Field> fields_;
};

std::vector<int64_t> targets_of(const Batch& batch) {
  const auto* ids = batch.at("targets").data<int64_t>();
  return {ids, ids + batch.samples};
}

Loader loader_over(const std::shared_ptr<const Dataset>& dataset, uint64_t seed = 1) {
  return {dataset, std::make_shared<PermutationSampler>(dataset->samples(), seed), {8, 2}, seed};
}

QuantaPlan dealt(int64_t world, int64_t rank) {
  return [world, rank](int64_t) { return deal_quanta(Dealing::contiguous, 4, world, rank); };
}

TEST(Loader, NothingIsSkippedOrShownTwiceWhateverTheRanksAndWorkers) {
  const auto dataset = std::make_shared<FakeDataset>(11);
  constexpr int64_t kSteps = 11;  // eight epochs
  const PermutationSampler sampler(11, 1);
  for (int64_t world = 1; world <= 4; ++world) {
    for (int workers : {0, 1, 3}) {
      for (int64_t rank = 0; rank < world; ++rank) {
        Loader loader = loader_over(dataset);
        loader.start(0, kSteps, dealt(world, rank), {workers, 3});
        for (int64_t step = 0; step < kSteps; ++step) {
          for (int64_t quantum : deal_quanta(Dealing::contiguous, 4, world, rank)) {
            const Batch batch = loader.next();
            ASSERT_EQ(batch.step, step);
            ASSERT_EQ(batch.quantum, quantum);
            ASSERT_EQ(batch.first_position, step * 8 + quantum * 2);
            ASSERT_EQ(batch.samples, 2);
            for (int64_t i = 0; i < 2; ++i) {
              const int64_t position = batch.first_position + i;
              ASSERT_EQ(targets_of(batch)[static_cast<size_t>(i)], sampler.at(position / 11, position % 11));
              ASSERT_EQ(batch.at("inputs").data<float>()[2 * i], static_cast<float>(position / 11));
              ASSERT_EQ(batch.at("inputs").data<float>()[2 * i + 1], static_cast<float>(position));
            }
          }
        }
        EXPECT_THROW(loader.next(), Error);  // beyond the last step
      }
    }
  }
}

TEST(Loader, BatchesHaveTheFieldsShapes) {
  const Loader loader = loader_over(std::make_shared<FakeDataset>(5));
  const Batch batch = loader.load(0, 0);
  EXPECT_EQ(batch.at("inputs").shape(), (Shape{2, 2, 1, 1}));
  EXPECT_TRUE(batch.at("inputs").is_channels_last());
  EXPECT_EQ(batch.at("targets").shape(), (Shape{2}));
  EXPECT_THROW(batch.at("absent"), Error);
}

TEST(Loader, StartsAnywhereAndReplays) {
  const auto dataset = std::make_shared<FakeDataset>(100);
  Loader loader = loader_over(dataset);
  loader.start(0, 10, dealt(1, 0), {2, 4});
  std::vector<std::vector<int64_t>> all;
  for (int i = 0; i < 40; ++i) all.push_back(targets_of(loader.next()));
  loader.start(7, 10, dealt(2, 1), {1, 2});
  EXPECT_EQ(targets_of(loader.next()), all[7 * 4 + 2]);
  EXPECT_EQ(targets_of(loader.load(3, 1)), all[3 * 4 + 1]);
  EXPECT_EQ(targets_of(loader.next()), all[7 * 4 + 3]);
}

TEST(Loader, TheSeedChangesTheOrder) {
  const auto dataset = std::make_shared<FakeDataset>(1000);
  EXPECT_NE(targets_of(loader_over(dataset, 1).load(0, 0)), targets_of(loader_over(dataset, 2).load(0, 0)));
}

TEST(Loader, AnErrorSurfacesAtItsBatchAndStays) {
  const auto dataset = std::make_shared<FakeDataset>(64);
  dataset->broken_index = PermutationSampler(64, 1).at(0, 21);  // step 2, quantum 2
  for (int workers : {0, 1, 4}) {
    Loader loader = loader_over(dataset);
    loader.start(0, 100, dealt(1, 0), {workers, 3});
    for (int i = 0; i < 10; ++i) EXPECT_EQ(loader.next().quantum, i % 4);
    for (int again = 0; again < 3; ++again) EXPECT_THROW(loader.next(), Error);
  }
}

TEST(Loader, AnErrorOfThePlanSurfaces) {
  const auto dataset = std::make_shared<FakeDataset>(64);
  for (int workers : {0, 2}) {
    Loader loader = loader_over(dataset);
    loader.start(0, 100, [](int64_t step) { return step < 2 ? std::vector<int64_t>{0} : std::vector<int64_t>{}; }, {workers, 3});
    EXPECT_NO_THROW(loader.next());
    EXPECT_NO_THROW(loader.next());
    EXPECT_THROW(loader.next(), Error);
  }
}

TEST(Loader, PrefetchIsBounded) {
  const auto dataset = std::make_shared<FakeDataset>(1000);
  Loader loader = loader_over(dataset);
  loader.start(0, 100, dealt(1, 0), {2, 3});
  while (dataset->reads < 6) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(dataset->reads, 6);  // 3 quanta of 2 samples
  loader.next();
  while (dataset->reads < 8) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(dataset->reads, 8);
}

TEST(Loader, DestructionDropsWhatIsUnderWay) {
  constexpr int64_t kSamples = 100000;  // of one quantum, 100 s of reading
  const auto dataset = std::make_shared<FakeDataset>(kSamples);
  dataset->sleep_us = 1000;
  {
    Loader loader(dataset, std::make_shared<SequentialSampler>(kSamples), {kSamples, kSamples}, 1);
    loader.start(0, 100, [](int64_t) { return std::vector<int64_t>{0}; }, {2, 8});
    while (dataset->reads < 4) std::this_thread::yield();
  }
  EXPECT_LT(dataset->reads, kSamples);
}

TEST(Loader, WaitingIsMeasured) {
  const auto dataset = std::make_shared<FakeDataset>(1000);
  dataset->sleep_us = 2000;
  Loader loader = loader_over(dataset);
  EXPECT_EQ(loader.waited_s(), 0.0);
  loader.start(0, 100, dealt(1, 0));
  loader.next();
  const double first_s = loader.waited_s();
  EXPECT_GE(first_s, 0.004);
  loader.start(0, 100, dealt(1, 0));
  EXPECT_EQ(loader.waited_s(), first_s);
}

TEST(EvaluationLoader, EverySampleOnceForAnyWorld) {
  const auto dataset = std::make_shared<FakeDataset>(10);
  for (int64_t world : {1, 2, 3, 7}) {
    for (int workers : {0, 2}) {
      std::multiset<int64_t> seen;
      for (int64_t rank = 0; rank < world; ++rank) {
        EvaluationLoader loader(dataset, 4, world, rank, {workers, 2});
        while (const std::optional<Batch> batch = loader.next()) {
          EXPECT_EQ(batch->quantum % world, rank);
          EXPECT_EQ(batch->samples, batch->quantum == 2 ? 2 : 4);
          for (int64_t id : targets_of(*batch)) seen.insert(id);
        }
        EXPECT_FALSE(loader.next().has_value());
      }
      std::multiset<int64_t> expected;
      for (int64_t id = 0; id < 10; ++id) expected.insert(id);
      EXPECT_EQ(seen, expected);
    }
  }
}

}  // namespace
}  // namespace tessera::data
