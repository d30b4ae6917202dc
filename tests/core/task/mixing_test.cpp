// SPDX-License-Identifier: Apache-2.0
#include "core/task/mixing.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "core/base/error.h"
#include "core/nn/flat_parameters.h"
#include "core/task/classification.h"
#include "tests/core/nn/chain.h"

namespace tessera {
namespace {

Tensor floats(const std::vector<float>& values, const Shape& shape) { return Tensor::of<float>(values, shape); }
Tensor ids(const std::vector<int64_t>& values) { return Tensor::of<int64_t>(values, {static_cast<int64_t>(values.size())}); }
template <typename Element>
std::vector<Element> values_of(const Tensor& tensor) {
  return {tensor.data<Element>(), tensor.data<Element>() + tensor.elements()};
}

nn::ForwardContext context_of(int64_t step, int64_t quantum = 0, uint64_t seed = 1) { return {true, seed, step, quantum}; }

TEST(Mixup, BlendsNeighboursAtTheShift) {
  const MixPlan plan{MixPlan::Kind::mixup, 2, 0.75f, {}};
  const MixedSamples mixed = mix(plan, floats({0, 4, 8, 12, 16, 20}, {3, 2}), ids({5, 6, 7}), {});
  EXPECT_EQ(values_of<float>(mixed.inputs), (std::vector<float>{4, 8, 6, 10, 14, 18}));  // partners 2, 0, 1
  EXPECT_EQ(values_of<int64_t>(mixed.partner_targets), (std::vector<int64_t>{7, 5, 6}));
  EXPECT_EQ(values_of<float>(mixed.own_weights), (std::vector<float>{0.75f, 0.75f, 0.75f}));
  EXPECT_EQ(values_of<float>(mixed.partner_weights), (std::vector<float>{0.25f, 0.25f, 0.25f}));
}

TEST(CutMix, PastesTheBoxInEveryChannel) {
  const Tensor inputs = Tensor::empty_channels_last({2, 2, 3, 4});
  std::iota(inputs.data<float>(), inputs.data<float>() + 48, 0.0f);  // memory order: sample, row, column, channel
  const MixPlan plan{MixPlan::Kind::cutmix, 1, 0.75f, {1, 3, 2, 4}};
  const auto out = values_of<float>(mix(plan, inputs, ids({0, 1}), {}).inputs);
  for (int sample = 0; sample < 2; ++sample) {
    for (int y = 0; y < 3; ++y) {
      for (int x = 0; x < 4; ++x) {
        for (int channel = 0; channel < 2; ++channel) {
          const int place = (y * 4 + x) * 2 + channel;
          const bool pasted = y >= 1 && x >= 2;
          EXPECT_EQ(out[static_cast<size_t>(sample * 24 + place)], static_cast<float>((pasted ? 1 - sample : sample) * 24 + place));
        }
      }
    }
  }
}

TEST(Mixing, ASkippedSampleIsNobodysPartner) {
  const MixPlan plan{MixPlan::Kind::mixup, 1, 0.5f, {}};
  const MixedSamples mixed = mix(plan, floats({2, 0, 6, 8}, {4, 1}), ids({1, -1, 3, 4}), floats({1, 0, 1, 1}, {4}));
  EXPECT_EQ(values_of<float>(mixed.inputs), (std::vector<float>{2, 0, 7, 5}));
  EXPECT_EQ(values_of<int64_t>(mixed.partner_targets), (std::vector<int64_t>{1, -1, 4, 1}));
  EXPECT_EQ(values_of<float>(mixed.own_weights), (std::vector<float>{1, 0, 0.5f, 0.5f}));
  EXPECT_EQ(values_of<float>(mixed.partner_weights), (std::vector<float>{0, 0, 0.5f, 0.5f}));
}

TEST(Mixing, ThePlanIsAFunctionOfSeedStepAndQuantum) {
  const MixingConfig config{0.4, 1.0, 1.0, 0.5};
  const Tensor inputs = Tensor::zeros({8, 3, 32, 32});
  const auto shares = [&](uint64_t seed, int64_t quantum) {
    std::vector<float> all;
    for (int64_t step = 0; step < 20; ++step) all.push_back(plan_mix(config, inputs, context_of(step, quantum, seed)).share);
    return all;
  };
  EXPECT_EQ(shares(1, 0), shares(1, 0));
  EXPECT_NE(shares(1, 0), shares(2, 0));
  EXPECT_NE(shares(1, 0), shares(1, 1));
}

/// Mean 1/2 and variance 1 / (4 (2 alpha + 1)) of Beta(alpha, alpha).
TEST(Mixing, SharesAreBetaDistributed) {
  const Tensor inputs = Tensor::zeros({4, 2});
  for (const double alpha : {0.2, 1.0, 4.0}) {
    constexpr int kDraws = 20000;
    double sum = 0, squares = 0;
    std::vector<int> shifts(4);
    for (int step = 0; step < kDraws; ++step) {
      const MixPlan plan = plan_mix({alpha, 0.0, 1.0, 0.5}, inputs, context_of(step));
      ASSERT_EQ(plan.kind, MixPlan::Kind::mixup);
      ASSERT_GE(plan.share, 0.0f);
      ASSERT_LE(plan.share, 1.0f);
      ASSERT_EQ(plan.share + (1.0f - plan.share), 1.0f);
      ++shifts.at(static_cast<size_t>(plan.shift));
      const double distance = static_cast<double>(plan.share) - 0.5;
      sum += distance;
      squares += distance * distance;
    }
    const double variance = 1.0 / (4.0 * (2.0 * alpha + 1.0));
    EXPECT_NEAR(sum / kDraws, 0.0, 5.0 * std::sqrt(variance / kDraws)) << alpha;
    EXPECT_NEAR(squares / kDraws, variance, 0.03 * variance) << alpha;
    EXPECT_EQ(shifts[0], 0) << "nobody is mixed with himself";
    for (int shift = 1; shift < 4; ++shift) EXPECT_NEAR(shifts[static_cast<size_t>(shift)], kDraws / 3, 400);
  }
}

TEST(CutMix, TheShareIsWhatTheBoxLeaves) {
  const Tensor inputs = Tensor::zeros({2, 3, 24, 40});
  bool clipped = false;
  for (int step = 0; step < 200; ++step) {
    const MixPlan plan = plan_mix({0.0, 1.0, 1.0, 0.5}, inputs, context_of(step));
    ASSERT_EQ(plan.kind, MixPlan::Kind::cutmix);
    const Box& box = plan.box;
    ASSERT_TRUE(0 <= box.top && box.top <= box.bottom && box.bottom <= 24 && 0 <= box.left && box.left <= box.right && box.right <= 40);
    EXPECT_NEAR(plan.share, 1.0 - static_cast<double>((box.bottom - box.top) * (box.right - box.left)) / 960.0, 1e-7);
    clipped = clipped || box.top == 0;
  }
  EXPECT_TRUE(clipped);
}

TEST(Mixing, ProbabilitiesChooseTheKind) {
  const Tensor inputs = Tensor::zeros({2, 3, 8, 8});
  int counts[3] = {};
  for (int step = 0; step < 4000; ++step) ++counts[static_cast<int>(plan_mix({1.0, 1.0, 0.5, 0.25}, inputs, context_of(step)).kind)];
  EXPECT_NEAR(counts[0], 2000, 150);
  EXPECT_NEAR(counts[1], 1500, 150);
  EXPECT_NEAR(counts[2], 500, 120);
  EXPECT_THROW(plan_mix({0.0, 1.0, 1.0, 0.5}, Tensor::zeros({2, 3}), context_of(0)), Error);
}

/// A classifier whose logits are its inputs.
struct Identity {
  explicit Identity(const ClassificationConfig& settings) {
    auto chain = std::make_unique<nn::Chain>();
    chain->add_linear("fc", 3, 3);
    task = std::make_unique<Classification>(std::move(chain), settings);
    parameters = std::make_unique<nn::FlatParameters>(task->model(), 1);
    task->model().for_each_parameter([](nn::Parameter& parameter) {
      fill_zero(parameter.value);
      if (parameter.shape.dims() == 2) {
        for (int i = 0; i < 3; ++i) parameter.value.data<float>()[i * 4] = 1.0f;
      }
    });
    parameters->values_changed();
  }
  std::unique_ptr<Classification> task;
  std::unique_ptr<nn::FlatParameters> parameters;
};

const std::vector<float> kLogits = {1.0f, 0.5f, -1.0f, 0.0f, 2.0f, 0.25f};

data::Batch batch_of(const std::vector<float>& inputs, const std::vector<int64_t>& targets) {
  data::Batch batch;
  batch.samples = static_cast<int64_t>(targets.size());
  batch.tensors = {{std::string(data::kInputs), floats(inputs, {batch.samples, 3})}, {std::string(data::kTargets), ids(targets)}};
  return batch;
}

/// -sum_c q[c] log p[c] of a row for the target distribution of timm's mixup_target(): (1 - s) one-hot + s / classes, mixed.
double soft_loss(const double* x, int64_t own, int64_t partner, double share, double smoothing) {
  double sum = 0;
  for (int c = 0; c < 3; ++c) sum += std::exp(x[c]);
  double loss = 0;
  for (int c = 0; c < 3; ++c) {
    const double q = (1 - smoothing) * (share * (c == own) + (1 - share) * (c == partner)) + smoothing / 3;
    loss -= q * (x[c] - std::log(sum));
  }
  return loss;
}

TEST(Mixing, TheLossIsTheSoftTargetsWithSmoothing) {
  ClassificationConfig settings;
  settings.label_smoothing = 0.1;
  settings.mixing.mixup = 1.0;
  Identity identity(settings);
  const data::Batch batch = batch_of(kLogits, {0, 1});
  for (int64_t step = 0; step < 5; ++step) {
    nn::ForwardContext context = context_of(step), again = context_of(step);
    const double share = static_cast<double>(plan_mix(settings.mixing, batch.at(data::kInputs), again).share);
    double want = 0;
    for (int row = 0; row < 2; ++row) {
      double x[3];
      for (int c = 0; c < 3; ++c) x[c] = share * static_cast<double>(kLogits[static_cast<size_t>(row * 3 + c)]) + (1 - share) * static_cast<double>(kLogits[static_cast<size_t>((1 - row) * 3 + c)]);
      want += soft_loss(x, row, 1 - row, share, 0.1);
    }
    Metrics metrics(identity.task->metric_names());
    const QuantumLoss loss = identity.task->train(batch, context, metrics);
    EXPECT_NEAR(static_cast<double>(loss.loss_sum.value().data<float>()[0]), want, 1e-5) << "step " << step;
    EXPECT_EQ(loss.weight, 2.0);
    EXPECT_EQ(metrics.weight(1), 2.0);
  }
}

TEST(Weights, ASkippedSampleCountsNothing) {
  Identity identity({});
  data::Batch whole = batch_of({1.0f, 0.5f, -1.0f}, {0}), holed = batch_of({1.0f, 0.5f, -1.0f, 0, 0, 0}, {0, data::kSkippedClass});
  holed.tensors.emplace_back(std::string(data::kWeights), floats({1, 0}, {2}));
  holed.skipped.push_back({1, "broken"});
  Metrics of_whole(identity.task->metric_names()), of_holed(identity.task->metric_names());
  nn::ForwardContext first = context_of(0), second = context_of(0);
  const QuantumLoss a = identity.task->train(whole, first, of_whole), b = identity.task->train(holed, second, of_holed);
  EXPECT_EQ(a.loss_sum.value().data<float>()[0], b.loss_sum.value().data<float>()[0]);
  EXPECT_EQ(a.weight, b.weight);
  EXPECT_EQ(of_whole.words(), of_holed.words());
}

TEST(Weights, AQuantumOfSkippedSamplesWeighsNothing) {
  Identity identity({});
  data::Batch batch = batch_of({0, 0, 0, 0, 0, 0}, {-1, -1});
  batch.tensors.emplace_back(std::string(data::kWeights), floats({0, 0}, {2}));
  batch.skipped = {{0, "broken"}, {1, "broken"}};
  Metrics metrics(identity.task->metric_names());
  nn::ForwardContext context = context_of(0);
  const QuantumLoss loss = identity.task->train(batch, context, metrics);
  EXPECT_EQ(loss.loss_sum.value().data<float>()[0], 0.0f);
  EXPECT_EQ(loss.weight, 0.0);
  EXPECT_EQ(metrics.weight(1), 0.0);
}

}  // namespace
}  // namespace tessera
