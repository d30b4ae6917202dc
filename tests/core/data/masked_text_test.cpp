// SPDX-License-Identifier: Apache-2.0
#include "core/data/masked_text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/data/token_shards.h"
#include "tests/temporary_folder.h"

namespace tessera::data {
namespace {

constexpr int64_t kPad = 0, kClassification = 1, kSeparator = 2, kMask = 3;
constexpr int64_t kVocabulary = 10000;
using Ids = std::vector<int64_t>;

/// What a sample holds, with what was hidden put back.
struct Sample {
  Ids inputs, types, targets, restored;
  int64_t length = 0, next_sentence = -1;

  bool operator==(const Sample&) const = default;
};

class MaskedTextTest : public testing::Test {
 protected:
  /// Token i of document d is 1000 (d + 1) + i.
  void write(const std::vector<int>& lengths, const std::string& name = "a.bin") const {
    std::vector<ShardToken> tokens;
    for (size_t document = 0; document < lengths.size(); ++document) {
      tokens.push_back(kSeparator);
      for (int i = 0; i < lengths[document]; ++i) tokens.push_back(static_cast<ShardToken>(1000 * (document + 1) + static_cast<size_t>(i)));
    }
    write_token_shard(folder_.path() / name, tokens);
  }

  MaskedTextConfig config() const {
    MaskedTextConfig config;
    config.root = folder_.path().string(), config.train = "a.bin", config.context = 32, config.short_sequences = 0.0, config.vocabulary = kVocabulary;
    config.padding = kPad, config.classification = kClassification, config.separator = kSeparator, config.mask = kMask;
    return config;
  }

  static Sample read(const Dataset& data, int64_t index, const SampleContext& context = {1, 0, 0, true}) {
    const auto tokens = static_cast<size_t>(data.fields()[0].shape[0]);
    Sample sample{Ids(tokens), Ids(tokens), Ids(tokens), {}};
    std::vector<std::byte*> places;
    for (int64_t* place : {sample.inputs.data(), sample.types.data(), &sample.length, sample.targets.data(), &sample.next_sentence}) {
      if (places.size() < data.fields().size()) places.push_back(reinterpret_cast<std::byte*>(place));
    }
    data.read(index, context, places);
    sample.restored = sample.inputs;
    for (size_t i = 0; i < tokens; ++i) sample.restored[i] = sample.targets[i] >= 0 ? sample.targets[i] : sample.inputs[i];
    return sample;
  }

  test::TemporaryFolder folder_;
};

bool is_run(std::span<const int64_t> ids) {
  for (size_t i = 1; i < ids.size(); ++i) {
    if (ids[i] != ids[i - 1] + 1) return false;
  }
  return !ids.empty() && ids[0] >= 1000;
}

TEST_F(MaskedTextTest, PairsAreAsBertReadsThem) {
  write({1, 40, 100, 7, 250});
  const auto data = open_masked_text(config(), "train");
  EXPECT_EQ(data->samples(), 2 + 4 + 1 + 9) << "stretches of at most 29; the document of one token has none";
  EXPECT_EQ(data->classes(), kVocabulary);
  int64_t following = 0, all = 0, predicted = 0, hidden = 0, kept = 0;
  for (int64_t epoch = 0; epoch < 100; ++epoch) {
    for (int64_t index = 0; index < data->samples(); ++index) {
      const Sample sample = read(*data, index, {7, epoch, 0, true});
      const std::span<const int64_t> ids(sample.restored);
      EXPECT_EQ(ids[0], kClassification);
      const auto first_end = static_cast<size_t>(std::ranges::find(ids, kSeparator) - ids.begin()), end = static_cast<size_t>(sample.length);
      ASSERT_LT(first_end, end - 2);
      EXPECT_EQ(ids[end - 1], kSeparator);
      const auto a = ids.subspan(1, first_end - 1), b = ids.subspan(first_end + 1, end - first_end - 2);
      EXPECT_TRUE(is_run(a) && is_run(b));
      EXPECT_EQ(a.back() + 1 == b.front(), sample.next_sentence == 0);
      EXPECT_EQ(a.front() / 1000 == b.front() / 1000, sample.next_sentence == 0);
      for (size_t i = 0; i < ids.size(); ++i) {
        EXPECT_EQ(sample.types[i], i > first_end && i < end ? 1 : 0);
        EXPECT_EQ(ids[i] == kPad, i >= end);
        const bool special = i == 0 || i == first_end || i >= end - 1;
        EXPECT_FALSE(special && sample.targets[i] >= 0) << "special tokens are not predicted";
        hidden += sample.targets[i] >= 0 && sample.inputs[i] == kMask;
        kept += sample.targets[i] >= 0 && sample.inputs[i] == sample.targets[i];
      }
      const auto count = std::ranges::count_if(sample.targets, [](int64_t target) { return target >= 0; });
      EXPECT_EQ(count, std::max<int64_t>(1, std::llround(0.15 * static_cast<double>(a.size() + b.size()))));
      predicted += count, ++all, following += sample.next_sentence == 0;
    }
  }
  EXPECT_NEAR(static_cast<double>(following) / static_cast<double>(all), 0.5, 0.05);
  EXPECT_NEAR(static_cast<double>(hidden) / static_cast<double>(predicted), 0.8, 0.03);
  EXPECT_NEAR(static_cast<double>(kept) / static_cast<double>(predicted), 0.1, 0.03);
}

TEST_F(MaskedTextTest, AnEpochHasEveryTokenOnce) {
  write({1, 40, 100, 7, 250});
  MaskedTextConfig single = config();
  single.next_sentence = false;
  const auto data = open_masked_text(single, "train");
  ASSERT_EQ(data->fields().size(), 4u);
  Ids seen;
  for (int64_t index = 0; index < data->samples(); ++index) {
    const Sample sample = read(*data, index);
    seen.insert(seen.end(), sample.restored.begin() + 1, sample.restored.begin() + sample.length - 1);
    EXPECT_EQ(std::ranges::count(sample.types, 1), 0);
  }
  EXPECT_EQ(seen.size(), 398u);
  EXPECT_EQ(std::ranges::adjacent_find(seen, std::greater_equal<>()), seen.end());
}

TEST_F(MaskedTextTest, DrawsAreAFunctionOfSeedEpochAndSample) {
  write({300, 300});
  const auto data = open_masked_text(config(), "train");
  const Sample sample = read(*data, 3, {1, 2, 500, true});
  EXPECT_EQ(read(*data, 3, {1, 2, 0, true}), sample) << "not of the position in the run";
  EXPECT_NE(read(*data, 3, {1, 3, 500, true}), sample);
  EXPECT_NE(read(*data, 3, {2, 2, 500, true}), sample);
  const Sample evaluated = read(*data, 3, {1, 0, 3, false});
  EXPECT_EQ(read(*data, 3, {2, 5, 9, false}), evaluated);
  EXPECT_NE(read(*data, 3, {0, 0, 3, true}), evaluated);
}

TEST_F(MaskedTextTest, SomeSequencesAreShort) {
  write({280, 290});
  MaskedTextConfig some = config();
  some.short_sequences = 0.25;
  const auto data = open_masked_text(some, "train");
  std::vector<int64_t> lengths;
  for (int64_t epoch = 0; epoch < 200; ++epoch) {
    for (int64_t index = 0; index < data->samples(); ++index) lengths.push_back(read(*data, index, {1, epoch, 0, true}).length);
  }
  const auto shorter = static_cast<double>(std::ranges::count_if(lengths, [](int64_t length) { return length < 31; }));
  EXPECT_NEAR(shorter / static_cast<double>(lengths.size()), 0.25 * 27.0 / 28.0, 0.02);
  EXPECT_EQ(std::ranges::min(lengths), 5);
}

TEST_F(MaskedTextTest, AtLeastOneTokenIsPredicted) {
  write({2, 2, 3});
  const auto data = open_masked_text(config(), "train");
  for (int64_t index = 0; index < data->samples(); ++index) {
    const Sample sample = read(*data, index);
    EXPECT_EQ(std::ranges::count_if(sample.targets, [](int64_t target) { return target >= 0; }), 1);
  }
  MaskedTextConfig whole = config();
  whole.masked_share = 1.0;
  const Sample all = read(*open_masked_text(whole, "train"), 2);
  EXPECT_EQ(std::ranges::count_if(all.targets, [](int64_t target) { return target >= 0; }), all.length - 3);
}

TEST_F(MaskedTextTest, FingerprintsTellDataApart) {
  write({40, 50});
  write({40, 51}, "b.bin");
  const std::string own = open_masked_text(config(), "train")->fingerprint();
  MaskedTextConfig changed = config();
  changed.train = "b.bin";
  EXPECT_NE(open_masked_text(changed, "train")->fingerprint(), own);
  changed = config();
  changed.masked_share = 0.2;
  EXPECT_NE(open_masked_text(changed, "train")->fingerprint(), own);
  EXPECT_EQ(open_masked_text(config(), "train")->fingerprint(), own);
}

TEST_F(MaskedTextTest, BadInputIsRefusedInOneLine) {
  write({40, 50});
  const auto refusal = [&](const MaskedTextConfig& bad, ErrorKind kind) -> std::string {
    try {
      open_masked_text(bad, "train");
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
      return error.what();
    }
    return "none";
  };
  const auto with = [&](auto change) {
    MaskedTextConfig bad = config();
    change(bad);
    return bad;
  };
  const auto expect = [&](const std::string& message, const std::string& part) { EXPECT_NE(message.find(part), std::string::npos) << message; };
  expect(refusal(with([](auto& c) { c.vocabulary = 2000; }), ErrorKind::data), "token 42 is 2000, but the vocabulary has 2000 tokens");
  expect(refusal(with([](auto& c) { c.separator = 9; }), ErrorKind::data), "a.bin");
  expect(refusal(with([](auto& c) { c.separator = 9; }), ErrorKind::data), "no separator, token 9,");
  expect(refusal(with([](auto& c) { c.mask = 1; }), ErrorKind::usage), "are both 1");
  expect(refusal(with([](auto& c) { c.mask = 10000; }), ErrorKind::usage), "data.mask is 10000, but the vocabulary has 10000 tokens");
  expect(refusal(with([](auto& c) { c.train = ""; }), ErrorKind::usage), "no shards are given");
  expect(refusal(with([](auto& c) { c.train = "none.bin"; }), ErrorKind::data), "none.bin");
  write({1, 1, 1});
  expect(refusal(config(), ErrorKind::data), "no document has the 2 tokens");
  write({100});
  expect(refusal(config(), ErrorKind::data), "all text is one document");
  EXPECT_EQ(refusal(with([](auto& c) { c.next_sentence = false; }), ErrorKind::data), "none");
}

}  // namespace
}  // namespace tessera::data
