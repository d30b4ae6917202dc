// SPDX-License-Identifier: Apache-2.0
// What a classifier makes of the samples of each class.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/tensor/tensor.h"

namespace tessera {

/// Of a class, or averaged over classes: shares that do not exist (of no samples, or of no predictions) are 0, as in scikit-learn.
struct ClassScores {
  double precision = 0.0;  ///< of the samples that were taken for the class, those that are of it
  double recall = 0.0;     ///< of the samples of the class, those that were taken for it
  double f1 = 0.0;         ///< their harmonic mean
};

/// Counts of samples by their class and by the class that a model takes them for. All of it is integers, so that sums over ranks are the counts of all ranks,
/// whatever their order.
class ClassCounts {
 public:
  ClassCounts() = default;
  /// `with_matrix`: count every pair of classes, not the sums alone.
  ClassCounts(int64_t classes, bool with_matrix);

  int64_t classes() const { return classes_; }
  bool has_matrix() const { return static_cast<int64_t>(counts_.size()) > 3 * classes_; }

  void add(int64_t actual, int64_t predicted, int64_t samples = 1);
  /// Those of other samples, counted in the same way.
  void add(const ClassCounts& others);
  /// Rows of `scores` f32 [samples, classes] are taken for the class of their largest number, the first of equals; rows whose target in `targets` i64
  /// [samples] is negative do not count.
  void add_rows(const Tensor& scores, const Tensor& targets);

  int64_t actual(int64_t label) const { return at(0, label); }
  int64_t predicted(int64_t label) const { return at(1, label); }
  int64_t right(int64_t label) const { return at(2, label); }
  /// With matrix.
  int64_t pair(int64_t actual, int64_t predicted) const { return at(3 + actual, predicted); }
  int64_t samples() const;
  double accuracy() const;

  ClassScores scores(int64_t label) const;
  /// Means over the classes that occur, among the samples or among the predictions.
  ClassScores macro() const;
  /// Matthews' correlation of classes and predictions (1975), for more than two classes Gorodkin's (2004); 0 where all are of one class, or taken for one.
  double matthews() const;

  /// The whole state.
  std::span<int64_t> words() { return counts_; }
  std::span<const int64_t> words() const { return counts_; }

 private:
  int64_t at(int64_t row, int64_t label) const { return counts_[static_cast<size_t>(row * classes_ + label)]; }
  int64_t& at(int64_t row, int64_t label) { return counts_[static_cast<size_t>(row * classes_ + label)]; }

  int64_t classes_ = 0;
  std::vector<int64_t> counts_;  // rows: actual, predicted, right; with matrix also one for each actual class
};

}  // namespace tessera
