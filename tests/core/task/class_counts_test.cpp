// SPDX-License-Identifier: Apache-2.0
#include "core/task/class_counts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/task/classification.h"
#include "core/task/ensemble.h"
#include "tests/core/nn/chain.h"

namespace tessera {
namespace {

/// Rows of the matrix: {3, 1, 0}, {0, 2, 2}, {0, 0, 0}; class 2 has no sample, class 0 no wrong prediction.
ClassCounts example(bool with_matrix) {
  ClassCounts counts(3, with_matrix);
  counts.add(0, 0, 3);
  counts.add(0, 1);
  counts.add(1, 1, 2);
  counts.add(1, 2, 2);
  return counts;
}

TEST(ClassCounts, SharesAreThoseOfTheDefinition) {
  for (const bool with_matrix : {true, false}) {
    const ClassCounts counts = example(with_matrix);
    EXPECT_EQ(counts.has_matrix(), with_matrix);
    EXPECT_EQ(counts.samples(), 8);
    EXPECT_EQ(counts.accuracy(), 5.0 / 8.0);
    EXPECT_EQ(counts.scores(0).precision, 1.0);
    EXPECT_EQ(counts.scores(0).recall, 0.75);
    EXPECT_DOUBLE_EQ(counts.scores(0).f1, 2 * 1.0 * 0.75 / 1.75);
    EXPECT_EQ(counts.scores(1).precision, 2.0 / 3.0);
    EXPECT_EQ(counts.scores(1).recall, 0.5);
    EXPECT_EQ(counts.scores(2).precision, 0.0);
    EXPECT_EQ(counts.scores(2).recall, 0.0);
    EXPECT_EQ(counts.scores(2).f1, 0.0);
  }
  EXPECT_EQ(example(true).pair(1, 2), 2);
  EXPECT_EQ(example(true).pair(2, 1), 0);
}

/// Over the classes that occur in either, as in scikit-learn's precision_recall_fscore_support(average="macro", zero_division=0).
TEST(ClassCounts, MacroAveragesAreScikitLearns) {
  const ClassScores macro = example(true).macro();
  EXPECT_DOUBLE_EQ(macro.precision, (1.0 + 2.0 / 3.0) / 3.0);
  EXPECT_DOUBLE_EQ(macro.recall, (0.75 + 0.5) / 3.0);
  EXPECT_DOUBLE_EQ(macro.f1, (6.0 / 7.0 + 4.0 / 7.0) / 3.0);
  ClassCounts more(5, true);  // classes that never occur count nothing
  more.add(0, 0, 4);
  EXPECT_EQ(more.macro().f1, 1.0);
  EXPECT_EQ(ClassCounts(5, true).macro().f1, 0.0);
}

TEST(ClassCounts, RowsGoToTheirLargestNumberAndSkippedOnesNowhere) {
  ClassCounts counts(3, true);
  const std::vector<float> scores = {0.1f, 0.9f, 0.9f, -1.0f, -2.0f, -0.5f, 5.0f, 0.0f, 0.0f};
  const std::vector<int64_t> targets = {1, 0, -1};
  counts.add_rows(Tensor::of<float>(scores, {3, 3}), Tensor::of<int64_t>(targets, {3}));
  EXPECT_EQ(counts.samples(), 2);
  EXPECT_EQ(counts.pair(1, 1), 1);  // the first of equals
  EXPECT_EQ(counts.pair(0, 2), 1);
}

TEST(ClassCounts, SumsOfWordsAreTheWhole) {
  ClassCounts first(3, true), second(3, true);
  first.add(0, 0, 3);
  first.add(1, 2, 2);
  second.add(0, 1);
  second.add(1, 1, 2);
  for (size_t i = 0; i < first.words().size(); ++i) first.words()[i] += second.words()[i];
  ClassCounts whole = example(true);
  EXPECT_TRUE(std::equal(first.words().begin(), first.words().end(), whole.words().begin(), whole.words().end()));
}

/// Says of every sample the scores it was made with.
class Oracle final : public nn::Module {
 public:
  explicit Oracle(std::vector<float> scores) : scores_(std::move(scores)) {}
  std::string kind() const override { return "Oracle"; }

 private:
  nn::Variable forward(const nn::Variable& x, nn::ForwardContext&) override {
    Tensor all = Tensor::empty({x.shape()[0], static_cast<int64_t>(scores_.size())});
    for (int64_t i = 0; i < all.elements(); ++i) all.data<float>()[i] = scores_[static_cast<size_t>(i) % scores_.size()];
    return nn::Variable(all);
  }
  std::vector<float> scores_;
};

std::unique_ptr<Task> oracle(const std::vector<double>& probabilities) {
  std::vector<float> scores;
  for (const double p : probabilities) scores.push_back(static_cast<float>(std::log(p) + 3.0));
  return std::make_unique<Classification>(std::make_unique<Oracle>(scores));
}

data::Batch batch_of(const std::vector<int64_t>& targets) {
  const auto samples = static_cast<int64_t>(targets.size());
  data::Batch batch;
  batch.samples = samples;
  batch.tensors.emplace_back("inputs", Tensor::zeros({samples, 1}));
  batch.tensors.emplace_back("targets", Tensor::of<int64_t>(targets, {samples}));
  return batch;
}

TEST(Ensemble, ProbabilitiesAreAveraged) {
  std::vector<std::unique_ptr<Task>> members;
  members.push_back(oracle({0.5, 0.4, 0.1}));
  members.push_back(oracle({0.1, 0.3, 0.6}));
  Ensemble ensemble(std::move(members));
  Metrics metrics(ensemble.metric_names());
  nn::ForwardContext context(false, 1, 0, 0);
  const Tensor scores = ensemble.evaluate(batch_of({1, 2}), context, metrics);
  const double expected[] = {0.3, 0.35, 0.35};
  for (int64_t i = 0; i < 6; ++i) EXPECT_NEAR(std::exp(static_cast<double>(scores.data<float>()[i])), expected[i % 3], 1e-6);
  EXPECT_NEAR(metrics.mean(0), -std::log(0.35), 1e-6);
  EXPECT_EQ(metrics.weight(1), 2.0);
}

TEST(Ensemble, CertaintyIsNoInfinity) {
  std::vector<std::unique_ptr<Task>> members;
  members.push_back(std::make_unique<Classification>(std::make_unique<Oracle>(std::vector<float>{0.0f, 3000.0f})));
  Ensemble ensemble(std::move(members));
  Metrics metrics(ensemble.metric_names());
  nn::ForwardContext context(false, 1, 0, 0);
  ensemble.evaluate(batch_of({0}), context, metrics);
  EXPECT_TRUE(std::isfinite(metrics.mean(0)));
  EXPECT_GT(metrics.mean(0), 700.0);
}

class NoClassifier final : public Task {
 public:
  nn::Module& model() override { return chain_; }
  std::vector<std::string> metric_names() const override { return {"loss"}; }
  QuantumLoss train(const data::Batch&, nn::ForwardContext&, Metrics&) override { return {}; }
  Tensor evaluate(const data::Batch&, nn::ForwardContext&, Metrics&) override { return {}; }

 private:
  nn::Chain chain_;
};

TEST(Ensemble, OnlyClassifiersMakeOneAndItIsNotTrained) {
  std::vector<std::unique_ptr<Task>> members;
  members.push_back(std::make_unique<NoClassifier>());
  EXPECT_THROW(Ensemble{std::move(members)}, Error);
  std::vector<std::unique_ptr<Task>> classifiers;
  classifiers.push_back(oracle({0.5, 0.5}));
  Ensemble ensemble(std::move(classifiers));
  Metrics metrics(ensemble.metric_names());
  nn::ForwardContext context(true, 1, 0, 0);
  EXPECT_THROW(ensemble.train(batch_of({0}), context, metrics), Error);
}

}  // namespace
}  // namespace tessera
