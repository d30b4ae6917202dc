// SPDX-License-Identifier: Apache-2.0
#include "core/task/metrics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/nn/flat_parameters.h"
#include "core/ops/arithmetic.h"
#include "core/task/classification.h"
#include "tests/core/nn/chain.h"

namespace tessera {
namespace {

TEST(Metrics, AMeanIsTheSumOverTheWeight) {
  Metrics metrics({"loss", "accuracy"});
  metrics.add(0, 6.0, 4.0);
  metrics.add(0, 1.0, 1.0);
  metrics.add(1, 3.0, 5.0);
  EXPECT_EQ(metrics.sum(0), 7.0);
  EXPECT_EQ(metrics.weight(0), 5.0);
  EXPECT_EQ(metrics.mean(0), 1.4);
  EXPECT_EQ(metrics.mean(1), 0.6);
  metrics.clear();
  EXPECT_EQ(metrics.weight(0), 0.0);
  EXPECT_TRUE(std::isnan(metrics.mean(0)));
}

TEST(Metrics, WordsOfPartsAddUpToTheWholeInAnyGrouping) {
  constexpr int kQuanta = 48;
  const auto add = [](Metrics& metrics, int quantum) {
    metrics.add(0, std::sin(quantum) * std::pow(10.0, quantum % 9), 7.0 + quantum);
    metrics.add(1, quantum, 8.0);
  };
  Metrics whole({"loss", "accuracy"});
  for (int quantum = 0; quantum < kQuanta; ++quantum) add(whole, quantum);
  for (const int ranks : {2, 3, 5, 48}) {
    std::vector<int64_t> sum(whole.words().size());
    for (int rank = 0; rank < ranks; ++rank) {
      Metrics part({"loss", "accuracy"});
      for (int quantum = rank; quantum < kQuanta; quantum += ranks) add(part, quantum);
      const std::vector<int64_t> words = part.words();
      for (size_t i = 0; i < sum.size(); ++i) sum[i] += words[i];
    }
    Metrics merged({"loss", "accuracy"});
    merged.set_words(sum);
    for (size_t metric = 0; metric < 2; ++metric) {
      EXPECT_EQ(merged.sum(metric), whole.sum(metric)) << ranks << " ranks";
      EXPECT_EQ(merged.weight(metric), whole.weight(metric)) << ranks << " ranks";
    }
  }
}

TEST(Metrics, NotFiniteTermsShow) {
  Metrics metrics({"loss"});
  metrics.add(0, 1.0, 1.0);
  metrics.add(0, std::nan(""), 1.0);
  EXPECT_TRUE(std::isnan(metrics.mean(0)));
}

/// A model whose logits are its inputs.
std::unique_ptr<nn::Module> identity() { return std::make_unique<nn::Chain>(); }

TEST(Classification, AddsLossAndHitsAndReturnsLogits) {
  Classification task(identity());
  const std::vector<float> logits = {0, 0, 0, 0, 5, 0, 9, 0, 1};
  const std::vector<int64_t> targets = {1, 1, 2};
  data::Batch batch;
  batch.samples = 3;
  batch.tensors = {{std::string(data::kInputs), Tensor::of<float>(logits, {3, 3})},
                   {std::string(data::kTargets), Tensor::of<int64_t>(targets, {3})}};
  const double loss = std::log(3.0) + std::log(1.0 + 2.0 * std::exp(-5.0)) + std::log(std::exp(8.0) + std::exp(-1.0) + 1.0);

  EXPECT_EQ(task.metric_names(), (std::vector<std::string>{"loss", "accuracy"}));
  Metrics metrics(task.metric_names());
  nn::ForwardContext context(true, 1, 0, 0);
  const QuantumLoss quantum = task.train(batch, context, metrics);
  EXPECT_EQ(quantum.weight, 3.0);
  EXPECT_NEAR(static_cast<double>(quantum.loss_sum.value().data<float>()[0]), loss, 1e-5);
  EXPECT_NEAR(metrics.mean(0), loss / 3.0, 1e-5);
  EXPECT_EQ(metrics.sum(1), 1.0);  // the first row's largest logit is the first of equals

  const Tensor outputs = task.evaluate(batch, context, metrics);
  EXPECT_EQ(std::vector<float>(outputs.data<float>(), outputs.data<float>() + 9), logits);
  EXPECT_EQ(metrics.weight(1), 6.0);
}

/// Its logits are its inputs; an auxiliary head says their double.
class TwoHeads final : public nn::Module {
 public:
  std::string kind() const override { return "TwoHeads"; }

 private:
  autograd::Variable forward(const autograd::Variable& x, nn::ForwardContext& context) override {
    if (context.training()) context.add_auxiliary(ops::multiply(x, 2.0f), 0.5f);
    return x;
  }
};

TEST(Classification, AuxiliaryHeadsCountInTheLossOfTraining) {
  Classification task(std::make_unique<TwoHeads>());
  data::Batch batch;
  batch.samples = 1;
  batch.tensors = {{std::string(data::kInputs), Tensor::of<float>(std::vector<float>{1, 0}, {1, 2})},
                   {std::string(data::kTargets), Tensor::of<int64_t>(std::vector<int64_t>{1}, {1})}};
  const double own = std::log(1.0 + std::exp(1.0)), head = std::log(1.0 + std::exp(2.0));

  Metrics metrics(task.metric_names());
  nn::ForwardContext training(true, 1, 0, 0), evaluation(false, 1, 0, 0);
  const QuantumLoss quantum = task.train(batch, training, metrics);
  EXPECT_EQ(quantum.weight, 1.0);
  EXPECT_NEAR(static_cast<double>(quantum.loss_sum.value().data<float>()[0]), own + 0.5 * head, 1e-6);
  EXPECT_NEAR(metrics.mean(0), own + 0.5 * head, 1e-6);

  metrics.clear();
  task.evaluate(batch, evaluation, metrics);
  EXPECT_NEAR(metrics.mean(0), own, 1e-6);
}

TEST(Classification, ClassWeightsAreTheWeightOfALossAndNotOfAHit) {
  Classification task(identity(), {.label_smoothing = 0.2, .class_weights = {0.5, 0.75, 2.0}});
  const std::vector<float> logits(6, 1.0f);
  const std::vector<int64_t> targets = {2, 1};
  data::Batch batch;
  batch.samples = 2;
  batch.tensors = {{std::string(data::kInputs), Tensor::of<float>(logits, {2, 3})},
                   {std::string(data::kTargets), Tensor::of<int64_t>(targets, {2})}};
  Metrics metrics(task.metric_names());
  nn::ForwardContext context(true, 1, 0, 0);
  const QuantumLoss quantum = task.train(batch, context, metrics);
  // Every log probability is -log(3).
  const double loss = std::log(3.0) * (0.8 * 2.75 + 2.0 * 0.2 / 3.0 * 3.25);
  EXPECT_EQ(quantum.weight, 2.75);
  EXPECT_NEAR(static_cast<double>(quantum.loss_sum.value().data<float>()[0]), loss, 1e-6);
  EXPECT_EQ(metrics.weight(0), 2.75);
  EXPECT_EQ(metrics.weight(1), 2.0);
}

}  // namespace
}  // namespace tessera
