// SPDX-License-Identifier: Apache-2.0
#include "core/data/classes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/base/error.h"

namespace tessera::data {
namespace {

/// Class 0 has 2 samples, class 2 has 3, class 3 has 7; class 1 has none.
const std::vector<int32_t> kLabels = {3, 0, 2, 3, 3, 2, 3, 0, 3, 3, 2, 3};

TEST(BalancedSampler, EveryClassOnceARoundAndEverySampleOnceAPass) {
  const BalancedSampler sampler(kLabels, 5);
  ASSERT_EQ(sampler.samples(), 12);
  std::map<int32_t, std::vector<int64_t>> drawn;
  for (int64_t round = 0; round < 42; ++round) {
    std::set<int32_t> classes;
    for (int64_t slot = 0; slot < 3; ++slot) {
      const int64_t draw = round * 3 + slot, sample = sampler.at(draw / 12, draw % 12);
      const int32_t label = kLabels.at(static_cast<size_t>(sample));
      classes.insert(label);
      drawn[label].push_back(sample);
    }
    ASSERT_EQ(classes, (std::set<int32_t>{0, 2, 3})) << "round " << round;
  }
  for (const auto& [label, samples] : drawn) {
    const auto own = static_cast<size_t>(std::count(kLabels.begin(), kLabels.end(), label));
    for (size_t begin = 0; begin + own <= samples.size(); begin += own) {
      EXPECT_EQ(std::set<int64_t>(samples.begin() + static_cast<ptrdiff_t>(begin), samples.begin() + static_cast<ptrdiff_t>(begin + own)).size(), own)
          << "class " << label << ", pass from draw " << begin;
    }
  }
}

TEST(BalancedSampler, OrdersDifferBySeedAndRound) {
  const std::vector<int32_t> labels = {0, 1, 2, 3, 4, 5, 6, 7};
  const auto epoch = [&](uint64_t seed, int64_t number) {
    const BalancedSampler sampler(labels, seed);
    std::vector<int64_t> order;
    for (int64_t i = 0; i < 8; ++i) order.push_back(sampler.at(number, i));
    return order;
  };
  EXPECT_EQ(epoch(1, 3), epoch(1, 3));
  EXPECT_NE(epoch(1, 0), epoch(2, 0));
  EXPECT_NE(epoch(1, 0), epoch(1, 1));
}

std::vector<int64_t> counts_of(const std::vector<int32_t>& labels, const std::vector<int64_t>& chosen) {
  std::vector<int64_t> counts(4);
  for (int64_t sample : chosen) ++counts[static_cast<size_t>(labels[static_cast<size_t>(sample)])];
  return counts;
}

TEST(Holdout, FoldsAreStratifiedAndShareNothing) {
  std::vector<int32_t> labels;
  for (int i = 0; i < 103; ++i) labels.push_back(i % 10 == 0 ? 0 : i % 3 == 0 ? 3 : 1);
  const std::vector<int64_t> whole = counts_of(labels, split_holdout(labels, {.folds = 5, .fold = 0, .fraction = 0, .seed = 1}, true));
  std::set<int64_t> all;
  for (int64_t fold = 0; fold < 5; ++fold) {
    const HoldoutConfig config{.folds = 5, .fold = fold, .fraction = 0, .seed = 1};
    const auto held = split_holdout(labels, config, true), rest = split_holdout(labels, config, false);
    EXPECT_EQ(held.size() + rest.size(), labels.size());
    EXPECT_TRUE(std::is_sorted(held.begin(), held.end()));
    for (int64_t sample : rest) EXPECT_FALSE(std::binary_search(held.begin(), held.end(), sample));
    const auto counts = counts_of(labels, held);
    for (size_t label = 0; label < 4; ++label) {
      const auto own = static_cast<int64_t>(std::count(labels.begin(), labels.end(), static_cast<int32_t>(label)));
      EXPECT_GE(counts[label], own / 5);
      EXPECT_LE(counts[label], (own + 4) / 5);
    }
    all.insert(held.begin(), held.end());
  }
  EXPECT_EQ(all.size(), labels.size());
  EXPECT_NE(split_holdout(labels, {.folds = 5, .fold = 0, .fraction = 0, .seed = 2}, true), split_holdout(labels, {.folds = 5, .fold = 0, .fraction = 0, .seed = 1}, true));
}

TEST(Holdout, AFractionOfEveryClass) {
  std::vector<int32_t> labels(1124);
  for (size_t i = 0; i < labels.size(); ++i) labels[i] = i < 124 ? 0 : i < 624 ? 1 : 2;
  const auto held = split_holdout(labels, {.folds = 0, .fold = 0, .fraction = 0.25, .seed = 1}, true);
  EXPECT_EQ(counts_of(labels, held), (std::vector<int64_t>{31, 125, 125, 0}));
}

TEST(Holdout, WhatDoesNotFitIsRefused) {
  const auto refused = [](const HoldoutConfig& config, const std::string& key) {
    try {
      split_holdout(kLabels, config, true);
      ADD_FAILURE() << key;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(key), std::string::npos) << error.what();
    }
  };
  refused({.folds = 5, .fold = 5, .fraction = 0, .seed = 1}, "data.holdout.fold");
  refused({.folds = 1, .fold = 0, .fraction = 0, .seed = 1}, "data.holdout.folds");
  refused({.folds = 5, .fold = 0, .fraction = 0.5, .seed = 1}, "data.holdout");
}

}  // namespace
}  // namespace tessera::data
