// SPDX-License-Identifier: Apache-2.0
#include "distributed/sync/buckets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "tests/core/nn/chain.h"

namespace tessera::distributed {
namespace {

constexpr int64_t kMiB = 1 << 20, kElementBytes = 4;

/// Square layers of the given widths, so about 4 * width^2 bytes of gradient each.
struct Model {
  explicit Model(const std::vector<int64_t>& widths) {
    for (size_t i = 0; i < widths.size(); ++i) chain.add_linear(std::to_string(i), widths[i], widths[i]);
    chain.name_tree();
    parameters = std::make_unique<nn::FlatParameters>(chain, 1);
  }
  nn::Chain chain;
  std::unique_ptr<nn::FlatParameters> parameters;
};

int64_t size_bytes(const Bucket& bucket) { return (bucket.end - bucket.begin) * kElementBytes; }

int64_t largest_tensor_bytes(const nn::FlatParameters& parameters) {
  int64_t largest = 0;
  for (const nn::FlatSlot& slot : parameters.slots()) largest = std::max(largest, (slot.elements + 15) / 16 * 16 * kElementBytes);
  return largest;
}

/// Last parameter first, without gaps, whole tensors.
void expect_partition(const nn::FlatParameters& parameters, const std::vector<Bucket>& buckets) {
  int64_t end = parameters.flat_elements(), tensors = 0;
  for (const Bucket& bucket : buckets) {
    EXPECT_EQ(bucket.end, end);
    EXPECT_LT(bucket.begin, bucket.end);
    const auto inside = std::count_if(parameters.slots().begin(), parameters.slots().end(), [&](const nn::FlatSlot& slot) {
      return slot.offset_elements >= bucket.begin && slot.offset_elements + slot.elements <= bucket.end;
    });
    EXPECT_EQ(bucket.tensors, inside);
    tensors += bucket.tensors;
    end = bucket.begin;
  }
  EXPECT_EQ(end, 0);
  EXPECT_EQ(tensors, static_cast<int64_t>(parameters.slots().size()));
}

/// Slots 2 i and 2 i + 1 are weight and bias of layer i.
std::vector<bool> fixed_layers(const Model& model, const std::vector<size_t>& layers) {
  std::vector<bool> fixed(model.parameters->slots().size());
  for (const size_t layer : layers) fixed[2 * layer] = fixed[2 * layer + 1] = true;
  return fixed;
}

TEST(Buckets, CoverEveryParameterOnceFromTheLastToTheFirst) {
  const Model model({3, 300, 17, 520, 64, 64, 700, 5});
  for (const int64_t bucket_bytes : {int64_t{1}, int64_t{4096}, kMiB / 2, kMiB, 3 * kMiB, 100 * kMiB}) {
    SCOPED_TRACE(bucket_bytes);
    expect_partition(*model.parameters, make_buckets(*model.parameters, bucket_bytes));
  }
}

TEST(Buckets, FirstAndLastAreSmallAndTheOthersHoldWhatWasAsked) {
  const Model model(std::vector<int64_t>(40, 256));  // 40 layers of a quarter MiB and a little
  const auto buckets = make_buckets(*model.parameters, 3 * kMiB);
  ASSERT_GE(buckets.size(), 4u);
  const int64_t slack_bytes = largest_tensor_bytes(*model.parameters);
  EXPECT_GE(size_bytes(buckets[0]), kMiB);
  EXPECT_LT(size_bytes(buckets[0]), kMiB + slack_bytes);
  for (size_t i = 1; i + 1 < buckets.size(); ++i) {
    if (i + 2 < buckets.size()) {  // the one before the last holds what remains
      EXPECT_GE(size_bytes(buckets[i]), 3 * kMiB);
    }
    EXPECT_LT(size_bytes(buckets[i]), 3 * kMiB + slack_bytes);
  }
  EXPECT_LE(size_bytes(buckets.back()), kMiB);
  EXPECT_GE(size_bytes(buckets.back()), kMiB - slack_bytes);
  expect_partition(*model.parameters, buckets);
}

TEST(Buckets, TheLastIsSmallBeforeFixedParameters) {
  const Model model(std::vector<int64_t>(40, 256));
  model.parameters->fix(fixed_layers(model, {0, 1, 2}));
  const auto buckets = make_buckets(*model.parameters, 3 * kMiB);
  EXPECT_EQ(buckets.back().begin, model.parameters->slots()[6].offset_elements);
  EXPECT_LE(size_bytes(buckets.back()), kMiB);
  EXPECT_GT(size_bytes(buckets.back()), kMiB / 2);
}

TEST(Buckets, SmallBucketsHoldOneTensorEach) {
  const Model model({20, 30, 40});
  const auto buckets = make_buckets(*model.parameters, 1);
  EXPECT_EQ(buckets.size(), 6u);
  for (const Bucket& bucket : buckets) EXPECT_EQ(bucket.tensors, 1);
}

TEST(Buckets, ASmallModelIsOneBucket) {
  const Model model({20, 30, 40});
  const auto buckets = make_buckets(*model.parameters, 25 * kMiB);
  ASSERT_EQ(buckets.size(), 1u);
  EXPECT_EQ(buckets[0].tensors, 6);
}

TEST(Buckets, FixedParametersAtEitherEndAreInNone) {
  const Model model({20, 300, 30, 40});
  model.parameters->fix(fixed_layers(model, {0, 1, 3}));
  const auto buckets = make_buckets(*model.parameters, 25 * kMiB);
  ASSERT_EQ(buckets.size(), 1u);
  EXPECT_EQ(buckets[0].tensors, 2);
  EXPECT_EQ(buckets[0].begin, model.parameters->slots()[4].offset_elements);
  EXPECT_EQ(buckets[0].end, model.parameters->slots()[6].offset_elements);
}

TEST(Buckets, ALongRunOfFixedParametersCutsABucketAndAShortOneDoesNot) {
  const Model large({20, 300, 30}), small({20, 25, 30});
  large.parameters->fix(fixed_layers(large, {1}));
  small.parameters->fix(fixed_layers(small, {1}));
  const auto cut = make_buckets(*large.parameters, 25 * kMiB), whole = make_buckets(*small.parameters, 25 * kMiB);
  ASSERT_EQ(cut.size(), 2u);
  EXPECT_EQ(cut[0].begin, large.parameters->slots()[4].offset_elements);
  EXPECT_EQ(cut[1].end, large.parameters->slots()[2].offset_elements);
  ASSERT_EQ(whole.size(), 1u);
  EXPECT_EQ(whole[0].tensors, 4);
}

TEST(Buckets, AModelOfFixedParametersHasNone) {
  const Model model({20, 30});
  model.parameters->fix(fixed_layers(model, {0, 1}));
  EXPECT_TRUE(make_buckets(*model.parameters, kMiB).empty());
}

TEST(Buckets, AModelWithoutParametersHasNone) {
  const Model model({});
  EXPECT_TRUE(make_buckets(*model.parameters, kMiB).empty());
}

}  // namespace
}  // namespace tessera::distributed
