// SPDX-License-Identifier: Apache-2.0
// Samples by class: drawing every class equally often, and holding a part of every class out.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/data/sampler.h"

namespace tessera::config {
class Fields;
}

namespace tessera::data {

/// The samples of each class, in their order.
class ClassMembers {
 public:
  /// Labels are not negative.
  explicit ClassMembers(std::span<const int32_t> labels);

  size_t classes() const { return begin_.size() - 1; }
  std::span<const int64_t> of(size_t label) const { return std::span(samples_).subspan(begin_[label], begin_[label + 1] - begin_[label]); }

 private:
  std::vector<int64_t> samples_;  // class by class
  std::vector<size_t> begin_;     // of each class in samples_, and the end
};

/// Draws classes in rounds: each of those that have samples once a round, in an order of the round's own; within a class every sample once before any
/// comes again. An epoch is as many draws as there are samples; rounds run across its end. Memory: O(samples + classes).
class BalancedSampler final : public Sampler {
 public:
  /// At least one sample.
  BalancedSampler(std::span<const int32_t> labels, uint64_t seed);

  int64_t samples() const override { return samples_; }
  int64_t at(int64_t epoch, int64_t i) const override;

 private:
  struct Class {
    size_t label;
    Permutation order;
  };

  int64_t samples_;
  ClassMembers members_;
  std::vector<Class> classes_;  // that have samples
  Permutation class_order_;
};

/// Keys of `data.holdout`: samples of the training split that are kept for validation.
struct HoldoutConfig {
  int64_t folds = 0;
  int64_t fold = 0;
  double fraction = 0.0;
  int64_t seed = 1;
  void declare(config::Fields& fields);

  bool active() const { return folds > 0 || fraction > 0.0; }
};

/// The samples that are held out (or, with `held_out` false, the rest), ascending. Stratified: every class gives floor or ceil of its share, and all of
/// them floor or ceil of the whole. The folds of one seed share no sample and together are all of them. Throws Error(usage) naming the key.
std::vector<int64_t> split_holdout(std::span<const int32_t> labels, const HoldoutConfig& config, bool held_out);

}  // namespace tessera::data
