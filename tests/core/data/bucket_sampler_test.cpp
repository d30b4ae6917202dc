// SPDX-License-Identifier: Apache-2.0
#include "core/data/bucket_sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/data/loader.h"
#include "core/data/position.h"
#include "tests/core/data/expect.h"

namespace tessera::data {
namespace {

/// Sample i is a text of 1 + 7 i % 61 tokens, all of them i + 1, in fields of 64; or, with `lengths` false, of nobody knows how many.
class Texts final : public Dataset {
 public:
  explicit Texts(int64_t samples, bool lengths = true)
      : samples_(samples), lengths_(lengths),
        fields_{{"inputs", DType::i64, {64}, false, true}, {"pairs", DType::f32, {64, 2}, false, true}, {"lengths", DType::i64, {}, false}, {"targets", DType::i64, {64}, false}} {}

  int64_t samples() const override { return samples_; }
  const std::vector<Field>& fields() const override { return fields_; }
  std::string fingerprint() const override { return "0"; }
  std::optional<int64_t> length(int64_t index) const override { return lengths_ ? std::optional(1 + 7 * index % 61) : std::nullopt; }
  void read(int64_t index, const SampleContext&, std::span<std::byte* const> destinations) const override {
    const int64_t tokens = 1 + 7 * index % 61;
    for (int64_t i = 0; i < 64; ++i) {
      reinterpret_cast<int64_t*>(destinations[0])[i] = i < tokens ? index + 1 : 0;
      reinterpret_cast<float*>(destinations[1])[2 * i + 1] = reinterpret_cast<float*>(destinations[1])[2 * i] = static_cast<float>(i);
      reinterpret_cast<int64_t*>(destinations[3])[i] = i;
    }
    *reinterpret_cast<int64_t*>(destinations[2]) = tokens;
  }

 private:
  int64_t samples_;
  bool lengths_;
  std::vector<Field> fields_;
};

BucketSampler buckets(int64_t samples, int64_t micro, int64_t window, uint64_t seed = 1) {
  return {std::make_shared<PermutationSampler>(samples, seed), std::make_shared<Texts>(samples), micro, window, seed};
}

std::vector<int64_t> epochs_of(const Sampler& sampler, int64_t epochs) {
  std::vector<int64_t> order;
  for (int64_t p = 0; p < epochs * sampler.samples(); ++p) {
    const EpochPosition at = epoch_position(p, sampler.samples());
    order.push_back(sampler.at(at.epoch, at.index));
  }
  return order;
}

TEST(BucketSampler, EverySampleOnceAnEpoch) {
  for (const int64_t samples : {1, 5, 24, 97, 200}) {
    for (const int64_t micro : {1, 4, 7, 300}) {
      for (const int64_t window : {1, 3, 1000}) {
        const std::vector<int64_t> order = epochs_of(buckets(samples, micro, window), 3);
        for (int64_t epoch = 0; epoch < 3; ++epoch) {
          const std::set<int64_t> seen(order.begin() + epoch * samples, order.begin() + (epoch + 1) * samples);
          EXPECT_EQ(static_cast<int64_t>(seen.size()), samples) << samples << " " << micro << " " << window;
        }
      }
    }
  }
}

/// Whatever is asked first, and by a sampler of its own: a resumed run goes on where it was.
TEST(BucketSampler, AnyPlaceAtAnyTime) {
  const std::vector<int64_t> order = epochs_of(buckets(97, 4, 3), 4);
  const BucketSampler fresh = buckets(97, 4, 3);
  for (int64_t p = 4 * 97 - 1; p >= 0; p -= 5) {
    const EpochPosition at = epoch_position(p, 97);
    ASSERT_EQ(fresh.at(at.epoch, at.index), order[static_cast<size_t>(p)]);
  }
}

TEST(BucketSampler, EpochsAndSeedsDiffer) {
  const std::vector<int64_t> order = epochs_of(buckets(200, 4, 10), 2);
  EXPECT_FALSE(std::equal(order.begin(), order.begin() + 200, order.begin() + 200));
  EXPECT_NE(epochs_of(buckets(200, 4, 10, 2), 2), order);
}

/// With a window over the whole epoch quanta hold neighbours in length, whose order is not that of their lengths; a window of one quantum holds what the plain order gives it.
TEST(BucketSampler, QuantaAreEquallyLong) {
  const Texts texts(200);
  const auto spans = [&](int64_t window) {
    const std::vector<int64_t> order = epochs_of(buckets(200, 7, window), 3);
    int64_t spread = 0, falls = 0, before = 0;
    for (size_t quantum = 0; (quantum + 1) * 7 <= order.size(); ++quantum) {
      int64_t least = 100, most = 0;
      for (size_t i = 0; i < 7; ++i) {
        const int64_t length = *texts.length(order[quantum * 7 + i]);
        least = std::min(least, length), most = std::max(most, length);
      }
      spread += most - least;
      falls += least < before;
      before = least;
    }
    return std::pair(spread, falls);
  };
  const auto [sorted, sorted_falls] = spans(1000);
  const auto [plain, plain_falls] = spans(1);
  EXPECT_LT(sorted * 4, plain);
  EXPECT_GT(sorted_falls, 20);
  std::vector<int64_t> ours = epochs_of(buckets(200, 7, 1), 1), theirs = epochs_of(PermutationSampler(200, 1), 1);
  for (size_t quantum = 0; (quantum + 1) * 7 <= 200; ++quantum) {
    const auto begin = static_cast<ptrdiff_t>(quantum * 7);
    EXPECT_TRUE(std::is_permutation(ours.begin() + begin, ours.begin() + begin + 7, theirs.begin() + begin));
  }
}

TEST(BucketSampler, NeedsLengths) {
  const auto texts = std::make_shared<Texts>(9, false);
  expect_in("data.bucket_quanta: samples of this kind of data have no lengths", message_of([&] { BucketSampler(std::make_shared<SequentialSampler>(9), texts, 2, 2, 1); }));
}

TEST(SequenceBatches, AreCutToTheirLongestSample) {
  const auto texts = std::make_shared<Texts>(61);
  const Batch batch = *EvaluationLoader(texts, 3, std::vector<int64_t>{0}).next();  // of 1, 8 and 15 tokens
  EXPECT_EQ(batch.at("inputs").shape(), (Shape{3, 16}));
  EXPECT_EQ(batch.at("pairs").shape(), (Shape{3, 16, 2}));
  EXPECT_EQ(batch.at("targets").shape(), (Shape{3, 64}));
  for (int64_t row = 0; row < 3; ++row) {
    for (int64_t i = 0; i < 16; ++i) {
      EXPECT_EQ(batch.at("inputs").data<int64_t>()[row * 16 + i], i < 1 + 7 * row ? row + 1 : 0);
      EXPECT_EQ(batch.at("pairs").data<float>()[(row * 16 + i) * 2 + 1], static_cast<float>(i));
    }
    EXPECT_EQ(batch.at("targets").data<int64_t>()[row * 64 + 63], 63);
  }
  EXPECT_EQ(EvaluationLoader(texts, 61, 1, 0).next()->at("inputs").shape(), (Shape{61, 64}));
  EXPECT_EQ(EvaluationLoader(std::make_shared<Texts>(61, false), 3, 1, 0).next()->at("inputs").shape(), (Shape{3, 64}));
}

/// The same quanta for any workers, and when one is asked for again.
TEST(SequenceBatches, AreTheSameWheneverTheyAreMade) {
  const auto texts = std::make_shared<Texts>(50);
  const auto sampler = std::make_shared<BucketSampler>(std::make_shared<PermutationSampler>(50, 3), texts, 4, 5, 3);
  Loader one(texts, sampler, {8, 4}, 3), other(texts, sampler, {8, 4}, 3);
  one.start(0, 20, [](int64_t) { return std::vector<int64_t>{0, 1}; }, {3, 4});
  for (int64_t step = 0; step < 20; ++step) {
    for (int64_t quantum = 0; quantum < 2; ++quantum) {
      const Batch batch = one.next(), again = other.load(step, quantum);
      ASSERT_EQ(batch.at("inputs").shape(), again.at("inputs").shape());
      for (int64_t i = 0; i < batch.at("inputs").elements(); ++i) ASSERT_EQ(batch.at("inputs").data<int64_t>()[i], again.at("inputs").data<int64_t>()[i]);
    }
  }
}

}  // namespace
}  // namespace tessera::data
