// SPDX-License-Identifier: Apache-2.0
#include "core/data/classes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/config/fields.h"

namespace tessera::data {
namespace {

Permutation order_of_classes(const ClassMembers& members, uint64_t seed) {
  int64_t filled = 0;
  for (size_t label = 0; label < members.classes(); ++label) filled += members.of(label).empty() ? 0 : 1;
  return {filled, random_key(seed, RandomPurpose::shuffle, "classes")};
}

Permutation order_within(const ClassMembers& members, size_t label, uint64_t seed, const char* purpose) {
  return {static_cast<int64_t>(members.of(label).size()), random_key(seed, RandomPurpose::shuffle, fmt::format("{} {}", purpose, label))};
}

void check_holdout(const HoldoutConfig& config) {
  if (config.folds > 0 && config.fraction > 0.0) {
    throw Error(ErrorKind::usage, fmt::format("{} folds and a fraction of {}: the part is given twice", config.folds, config.fraction), "data.holdout",
                "give folds and fold, or fraction");
  }
  if (config.folds == 1) throw Error(ErrorKind::usage, "one fold leaves nothing to train on", "data.holdout.folds", "give at least 2");
  if (config.folds > 0 && config.fold >= config.folds) {
    throw Error(ErrorKind::usage, fmt::format("there is no fold {} of {}", config.fold, config.folds), "data.holdout.fold", fmt::format("give 0 to {}", config.folds - 1));
  }
}

/// Whether the place, in the order of classes and of each class's permutation, is held out: evenly spaced places are.
bool is_held_out(const HoldoutConfig& config, int64_t place) {
  if (config.folds > 0) return place % config.folds == config.fold;
  return std::floor(static_cast<double>(place + 1) * config.fraction) > std::floor(static_cast<double>(place) * config.fraction);
}

}  // namespace

ClassMembers::ClassMembers(std::span<const int32_t> labels) : samples_(labels.size()) {
  const int32_t last = labels.empty() ? -1 : *std::ranges::max_element(labels);
  begin_.assign(static_cast<size_t>(last + 1) + 1, 0);
  for (int32_t label : labels) ++begin_[static_cast<size_t>(label) + 1];
  for (size_t label = 1; label < begin_.size(); ++label) begin_[label] += begin_[label - 1];
  std::vector<size_t> next(begin_.begin(), begin_.end() - 1);
  for (size_t sample = 0; sample < labels.size(); ++sample) samples_[next[static_cast<size_t>(labels[sample])]++] = static_cast<int64_t>(sample);
}

BalancedSampler::BalancedSampler(std::span<const int32_t> labels, uint64_t seed)
    : samples_(static_cast<int64_t>(labels.size())), members_(labels), class_order_(order_of_classes(members_, seed)) {
  for (size_t label = 0; label < members_.classes(); ++label) {
    if (!members_.of(label).empty()) classes_.push_back({label, order_within(members_, label, seed, "class")});
  }
}

int64_t BalancedSampler::at(int64_t epoch, int64_t i) const {
  const int64_t draw = epoch * samples_ + i, round = draw / class_order_.count();
  const Class& drawn = classes_[static_cast<size_t>(class_order_.at(static_cast<uint64_t>(round), draw % class_order_.count()))];
  // The class comes once a round, so that the round counts its draws.
  const int64_t pass = round / drawn.order.count(), place = round % drawn.order.count();
  return members_.of(drawn.label)[static_cast<size_t>(drawn.order.at(static_cast<uint64_t>(pass), place))];
}

void HoldoutConfig::declare(config::Fields& fields) {
  fields.add("folds", folds, {.doc = "split train is cut into so many parts, each with its share of every class; 0: not at all", .minimum = 0, .maximum = 1e6});
  fields.add("fold", fold, {.doc = "the part that becomes split val; split train is the others", .minimum = 0});
  fields.add("fraction", fraction, {.doc = "instead of folds: the share of every class that becomes split val", .minimum = 0, .below = 1});
  fields.add("seed", seed, {.doc = "key of the choice, apart from run.seed: runs with other seeds share their splits", .minimum = 0});
}

std::vector<int64_t> split_holdout(std::span<const int32_t> labels, const HoldoutConfig& config, bool held_out) {
  check_holdout(config);
  const ClassMembers members(labels);
  std::vector<int64_t> chosen;
  int64_t before = 0;
  for (size_t label = 0; label < members.classes(); ++label) {
    const std::span<const int64_t> own = members.of(label);
    if (own.empty()) continue;
    const Permutation order = order_within(members, label, static_cast<uint64_t>(config.seed), "holdout");
    for (int64_t place = 0; place < order.count(); ++place) {
      if (is_held_out(config, before + place) == held_out) chosen.push_back(own[static_cast<size_t>(order.at(0, place))]);
    }
    before += order.count();
  }
  std::ranges::sort(chosen);
  return chosen;
}

}  // namespace tessera::data
