// SPDX-License-Identifier: Apache-2.0
#include "core/task/class_counts.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/error.h"

namespace tessera {
namespace {

double share(int64_t part, int64_t whole) { return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0.0; }

}  // namespace

ClassCounts::ClassCounts(int64_t classes, bool with_matrix) : classes_(classes), counts_(static_cast<size_t>((3 + (with_matrix ? classes : 0)) * classes), 0) {}

void ClassCounts::add(int64_t actual, int64_t predicted, int64_t samples) {
  at(0, actual) += samples;
  at(1, predicted) += samples;
  if (actual == predicted) at(2, actual) += samples;
  if (has_matrix()) at(3 + actual, predicted) += samples;
}

void ClassCounts::add(const ClassCounts& others) {
  TESSERA_ASSERT(others.counts_.size() == counts_.size(), "counts of other classes");
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += others.counts_[i];
}

void ClassCounts::add_rows(const Tensor& scores, const Tensor& targets) {
  TESSERA_ASSERT(scores.shape().dims() == 2 && scores.shape()[1] == classes_ && targets.elements() == scores.shape()[0],
                 "scores " + scores.shape().text() + " and targets " + targets.shape().text() + " for " + std::to_string(classes_) + " classes");
  const Tensor dense_scores = contiguous(scores), dense_targets = contiguous(targets);
  for (int64_t row = 0; row < scores.shape()[0]; ++row) {
    const int64_t actual = dense_targets.data<int64_t>()[row];
    if (actual < 0) continue;
    const float* begin = dense_scores.data<float>() + row * classes_;
    add(actual, std::max_element(begin, begin + classes_) - begin);
  }
}

int64_t ClassCounts::samples() const { return std::accumulate(counts_.begin(), counts_.begin() + classes_, int64_t{0}); }

double ClassCounts::accuracy() const { return share(std::accumulate(counts_.begin() + 2 * classes_, counts_.begin() + 3 * classes_, int64_t{0}), samples()); }

ClassScores ClassCounts::scores(int64_t label) const {
  // F1 of counts: 2 right / (actual + predicted).
  return {share(right(label), predicted(label)), share(right(label), actual(label)), share(2 * right(label), actual(label) + predicted(label))};
}

ClassScores ClassCounts::macro() const {
  ClassScores mean;
  int64_t occurring = 0;
  for (int64_t label = 0; label < classes_; ++label) {
    if (actual(label) + predicted(label) == 0) continue;
    const ClassScores own = scores(label);
    mean = {mean.precision + own.precision, mean.recall + own.recall, mean.f1 + own.f1};
    ++occurring;
  }
  const auto count = static_cast<double>(std::max<int64_t>(occurring, 1));
  return {mean.precision / count, mean.recall / count, mean.f1 / count};
}

double ClassCounts::matthews() const {
  // With s samples of which c are right, and t and p of a class's samples and predictions: (c s - sum t p) / sqrt((s^2 - sum p^2) (s^2 - sum t^2)).
  double right_samples = 0.0, both = 0.0, of_predicted = 0.0, of_actual = 0.0;
  for (int64_t label = 0; label < classes_; ++label) {
    const auto t = static_cast<double>(actual(label)), p = static_cast<double>(predicted(label));
    right_samples += static_cast<double>(right(label));
    both += t * p, of_predicted += p * p, of_actual += t * t;
  }
  const auto s = static_cast<double>(samples());
  const double spread = (s * s - of_predicted) * (s * s - of_actual);
  return spread > 0.0 ? (right_samples * s - both) / std::sqrt(spread) : 0.0;
}

}  // namespace tessera
