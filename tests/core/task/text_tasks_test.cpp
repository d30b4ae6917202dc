// SPDX-License-Identifier: Apache-2.0
// Tasks of models that read whole texts: classes, scores, and how predictions go together with them.
#include <gtest/gtest.h>

#include <cmath>

#include "core/autograd/engine.h"
#include "core/base/error.h"
#include "core/nn/flat_parameters.h"
#include "core/task/class_counts.h"
#include "core/task/classification.h"
#include "core/task/correlation.h"
#include "core/task/ensemble.h"
#include "core/task/regression.h"
#include "tests/core/nn/tiny_scorer.h"

namespace tessera {
namespace {

constexpr int64_t kIds = 11;

/// Texts of 3, 5 and 1 tokens in `places` places; what pads them is token 9.
data::Batch texts(int64_t places, bool scores) {
  const std::vector<int64_t> lengths = {3, 5, 1};
  data::Batch batch;
  batch.samples = 3;
  const Tensor ids = Tensor::empty({3, places}, DType::i64), types = Tensor::zeros({3, places}, DType::i64);
  for (int64_t i = 0; i < 3 * places; ++i) {
    const int64_t row = i / places, place = i % places, length = lengths[static_cast<size_t>(row)];
    ids.data<int64_t>()[i] = place < length ? (row * 5 + place) % kIds : 9;
    types.data<int64_t>()[i] = place >= 2 && place < length;
  }
  batch.tensors = {{std::string(data::kInputs), ids}, {std::string(data::kTokenTypes), types}, {std::string(data::kLengths), Tensor::of<int64_t>(lengths, {3})}};
  if (scores) {
    batch.tensors.emplace_back(std::string(data::kTargets), Tensor::of<float>(std::vector<float>{1.0f, -2.0f, 0.5f}, {3}));
  } else {
    batch.tensors.emplace_back(std::string(data::kTargets), Tensor::of<int64_t>(std::vector<int64_t>{1, 0, 1}, {3}));
  }
  return batch;
}

/// A task with its parameters, and the gradient that a batch gives them.
struct Trained {
  explicit Trained(std::unique_ptr<Task> its_task) : task(std::move(its_task)), parameters(task->model(), 3) {}

  std::vector<float> gradient(const data::Batch& batch) {
    for (const auto& leaf : parameters.leaves()) leaf->reset();
    nn::ForwardContext context(true, 1, 0, 0);
    loss = task->train(batch, context, metrics);
    autograd::Engine().backward(loss.loss_sum, parameters.leaves());
    const float* first = parameters.gradients().data<float>();
    return {first, first + parameters.gradients().elements()};
  }
  Tensor evaluate(const data::Batch& batch) {
    nn::ForwardContext context(false, 1, 0, 0);
    return task->evaluate(batch, context, metrics);
  }

  std::unique_ptr<Task> task;
  nn::FlatParameters parameters;
  Metrics metrics = Metrics(task->metric_names());
  QuantumLoss loss;
};

std::unique_ptr<Task> classifier() { return std::make_unique<Classification>(std::make_unique<nn::TinyScorer>(kIds, 2)); }
std::unique_ptr<Task> regression(int64_t outputs = 1) { return std::make_unique<Regression>(std::make_unique<nn::TinyScorer>(kIds, outputs)); }

void expect_near(const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-6);
}

TEST(TextTasks, PaddingDoesNotCount) {
  for (const bool scores : {false, true}) {
    Trained trained(scores ? regression() : classifier());
    const std::vector<float> gradient = trained.gradient(texts(5, scores));
    const double loss = static_cast<double>(trained.loss.loss_sum.value().data<float>()[0]);
    expect_near(trained.gradient(texts(64, scores)), gradient);
    EXPECT_NEAR(static_cast<double>(trained.loss.loss_sum.value().data<float>()[0]), loss, 1e-6);
    const Tensor few = trained.evaluate(texts(5, scores)), many = trained.evaluate(texts(64, scores));
    EXPECT_EQ(few.shape(), scores ? (Shape{3}) : (Shape{3, 2}));
    for (int64_t i = 0; i < few.elements(); ++i) EXPECT_NEAR(few.data<float>()[i], many.data<float>()[i], 1e-6);
  }
}

TEST(TextTasks, TypesAreTold) {
  Trained trained(classifier());
  data::Batch batch = texts(5, false);
  const Tensor with = trained.evaluate(batch);
  std::erase_if(batch.tensors, [](const auto& entry) { return entry.first == data::kTokenTypes; });
  const Tensor without = trained.evaluate(batch);
  EXPECT_NE(with.data<float>()[0], without.data<float>()[0]);
}

TEST(TextTasks, EnsemblesReadLengthsToo) {
  std::vector<std::unique_ptr<Task>> members;
  members.push_back(classifier());
  const nn::FlatParameters parameters(members.front()->model(), 3);
  Ensemble ensemble(std::move(members));
  Metrics metrics(ensemble.metric_names());
  nn::ForwardContext context(false, 1, 0, 0);
  const Tensor few = ensemble.evaluate(texts(5, false), context, metrics), many = ensemble.evaluate(texts(64, false), context, metrics);
  for (int64_t i = 0; i < few.elements(); ++i) EXPECT_NEAR(few.data<float>()[i], many.data<float>()[i], 1e-6);
}

TEST(TextTasks, TokensAreNotMixed) {
  ClassificationConfig settings;
  settings.mixing.mixup = 0.2;
  EXPECT_THROW(Classification(std::make_unique<nn::TinyScorer>(kIds, 2), settings), Error);
}

TEST(Regression, IsTheSquaredError) {
  Trained trained(regression());
  const data::Batch batch = texts(5, true);
  const Tensor outputs = trained.evaluate(batch);
  double squares = 0.0;
  for (int64_t i = 0; i < 3; ++i) squares += std::pow(static_cast<double>(outputs.data<float>()[i]) - static_cast<double>(batch.at("targets").data<float>()[i]), 2);
  EXPECT_NEAR(trained.metrics.mean(0), squares / 3.0, 1e-6);
  trained.gradient(batch);
  EXPECT_NEAR(static_cast<double>(trained.loss.loss_sum.value().data<float>()[0]), squares, 1e-5);
  EXPECT_EQ(trained.loss.weight, 3.0);
}

TEST(Regression, SkippedSamplesWeighNothing) {
  Trained trained(regression());
  data::Batch whole = texts(5, true), skipped = texts(5, true);
  skipped.tensors.emplace_back(std::string(data::kWeights), Tensor::of<float>(std::vector<float>{1.0f, 0.0f, 1.0f}, {3}));
  skipped.skipped.push_back({1, "broken"});
  skipped.at("targets").data<float>()[1] = 0.0f;
  whole.at("targets").data<float>()[1] = trained.evaluate(whole).data<float>()[1];  // an error of 0
  const std::vector<float> gradient = trained.gradient(whole);
  const float loss = trained.loss.loss_sum.value().data<float>()[0];
  expect_near(trained.gradient(skipped), gradient);
  EXPECT_NEAR(trained.loss.loss_sum.value().data<float>()[0], loss, 1e-6);
  EXPECT_EQ(trained.loss.weight, 2.0);
}

TEST(Regression, RefusesOtherOutputsAndClasses) {
  Trained two(regression(2)), one(regression());
  EXPECT_THROW(two.evaluate(texts(5, true)), Error);
  EXPECT_THROW(one.evaluate(texts(5, false)), Error);
}

TEST(Regression, SplitMetricsLeaveSkippedSamplesOut) {
  const std::vector<float> outputs = {1, 2, 100, 3}, targets = {2, 4, std::nanf(""), 9};
  const std::vector<double> values = regression()->split_metrics(Tensor::of<float>(outputs, {4}), Tensor::of<float>(targets, {4}));
  EXPECT_NEAR(values[0], 7.0 / std::sqrt(2.0 * 26.0), 1e-12);
  EXPECT_EQ(values[1], 1.0);
}

/// Numbers from scipy.stats (pearsonr, spearmanr, rankdata).
TEST(Correlation, IsScipys) {
  const std::vector<double> x = {1, 2, 2, 3.5, -1, 0.25, 7}, y = {0, 5, 1, 1, 1, -2, 4.5};
  EXPECT_NEAR(pearson(x, y), 0.6099842267304585, 1e-15);
  EXPECT_NEAR(spearman(x, y), 0.5796671338052435, 1e-15);
  EXPECT_EQ(mean_ranks(y), (std::vector<double>{2, 7, 4, 4, 4, 1, 6}));
  EXPECT_TRUE(std::isnan(pearson(x, std::vector<double>(7, 2.0))));
  EXPECT_TRUE(std::isnan(spearman(std::vector<double>{1}, std::vector<double>{1})));
  EXPECT_TRUE(std::isnan(spearman(std::vector<double>{1, std::nan(""), 2}, std::vector<double>{1, 2, 3})));
}

/// Numbers from sklearn.metrics.matthews_corrcoef.
TEST(ClassCounts, MatthewsIsScikitLearns) {
  ClassCounts two(2, false);
  two.add(0, 0, 3), two.add(0, 1, 2), two.add(1, 1, 5), two.add(1, 0, 2);
  EXPECT_NEAR(two.matthews(), 0.3142857142857143, 1e-15);
  EXPECT_NEAR(two.scores(1).f1, 0.7142857142857143, 1e-15);
  ClassCounts three(3, true);
  three.add(0, 0, 3), three.add(0, 1), three.add(1, 1, 2), three.add(1, 2, 2);
  EXPECT_NEAR(three.matthews(), 0.4364357804719848, 1e-15);
  ClassCounts one(2, true);
  one.add(1, 1, 5), one.add(0, 1, 3);
  EXPECT_EQ(one.matthews(), 0.0);
}

}  // namespace
}  // namespace tessera
