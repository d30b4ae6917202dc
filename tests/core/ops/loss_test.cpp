// SPDX-License-Identifier: Apache-2.0
// Losses beside numbers that PyTorch 2 computed in f64 (reduction "mean"), their weights, and what they refuse.
#include <gtest/gtest.h>

#include <cmath>

#include "core/autograd/engine.h"
#include "core/base/error.h"
#include "core/ops/loss.h"
#include "tests/core/ops/support.h"

namespace tessera {
namespace {

using autograd::Leaf;
using autograd::Variable;

constexpr int64_t kIgnored = -100;
constexpr float kClassWeights[] = {0.5f, 2.0f, 1.0f, 0.25f, 3.0f};

Tensor class_weights() { return Tensor::of<float>(kClassWeights, {5}); }

Tensor logits() {
  Tensor tensor = Tensor::empty({4, 5});
  for (int r = 0; r < 4; ++r) {
    for (int c = 0; c < 5; ++c) tensor.data<float>()[r * 5 + c] = static_cast<float>((r * 7 + c * 5) % 11) / 4.0f - 1.0f;
  }
  return tensor;
}

Tensor soft_targets() {
  Tensor tensor = Tensor::empty({4, 5});
  for (int r = 0; r < 4; ++r) {
    for (int c = 0; c < 5; ++c) tensor.data<float>()[r * 5 + c] = static_cast<float>((r * 3 + c) % 4) / 3.0f;
  }
  return tensor;
}

struct Expected {
  double smoothing;
  bool weighted;
  double mean, weight;
  double gradient[2][5];  ///< of rows 0 and 3
};

class CrossEntropyOfPyTorch : public testing::TestWithParam<Expected> {};

TEST_P(CrossEntropyOfPyTorch, MeanWeightAndGradient) {
  const Expected& want = GetParam();
  const Tensor gradient = Tensor::zeros({4, 5});
  const std::vector<std::shared_ptr<Leaf>> leaves = {std::make_shared<Leaf>(0, gradient)};
  const std::vector<int64_t> targets = {3, kIgnored, 0, 4};
  ops::CrossEntropyOptions options{want.smoothing, want.weighted ? class_weights() : Tensor(), kIgnored};
  const ops::LossSum loss = ops::cross_entropy(Variable(logits(), leaves[0]), Tensor::of<int64_t>(targets, {4}), options);
  EXPECT_EQ(loss.weight, want.weight);
  EXPECT_NEAR(static_cast<double>(loss.sum.value().data<float>()[0]) / loss.weight, want.mean, 2e-7);
  autograd::Engine().backward(loss.sum, leaves);
  for (int c = 0; c < 5; ++c) {
    EXPECT_NEAR(static_cast<double>(gradient.data<float>()[c]) / loss.weight, want.gradient[0][c], 1e-7) << c;
    EXPECT_EQ(gradient.data<float>()[5 + c], 0.0f) << c;
    EXPECT_NEAR(static_cast<double>(gradient.data<float>()[15 + c]) / loss.weight, want.gradient[1][c], 1e-7) << c;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, CrossEntropyOfPyTorch,
    testing::Values(
        Expected{0.0, false, 2.012474534001527, 3.0,
                 {{0.011542470715917966, 0.04028718137501381, 0.14061607978826732, -0.30195764493073285, 0.10951191305153374},
                  {0.11980773294579183, 0.026732718639214843, 0.09330635623619243, 0.02081946220984806, -0.2606662700310472}}},
        Expected{0.1, false, 1.9991412006681937, 3.0,
                 {{0.0048758040492513, 0.03362051470834714, 0.13394941312160066, -0.2752909782640662, 0.10284524638486707},
                  {0.11314106627912514, 0.020066051972548172, 0.08663968956952575, 0.01415279554318139, -0.23399960336438053}}},
        Expected{0.0, true, 1.6629523420814103, 3.75,
                 {{0.0023084941431835934, 0.008057436275002763, 0.028123215957653463, -0.060391528986146574, 0.021902382610306748},
                  {0.2875385590699004, 0.06415852473411564, 0.22393525496686184, 0.04996670930363535, -0.6255990480745133}}},
        Expected{0.1, true, 1.6903376908787675, 3.75,
                 {{0.0006575648995177082, 0.0009360415693373119, 0.035164097645687654, -0.0522971350733844, 0.015539430958841716},
                  {0.26905727165438925, 0.04996313920707261, 0.20628548261035115, 0.04588520695860208, -0.5711911004304151}}}));

double mean_of(const ops::LossSum& loss) { return static_cast<double>(loss.sum.value().data<float>()[0]) / loss.weight; }

TEST(ElementLosses, MeansAreThoseOfPyTorch) {
  const Variable x(logits());
  EXPECT_NEAR(mean_of(ops::binary_cross_entropy(x, soft_targets())), 0.7047710751092111, 1e-7);
  EXPECT_NEAR(mean_of(ops::binary_cross_entropy(x, soft_targets(), class_weights())), 0.8081891293118202, 1e-7);
  EXPECT_NEAR(mean_of(ops::squared_error(x, soft_targets())), 0.6951388888888889, 1e-7);
  EXPECT_NEAR(mean_of(ops::absolute_error(x, soft_targets())), 0.7, 1e-7);
  EXPECT_NEAR(mean_of(ops::smooth_absolute_error(x, soft_targets(), 0.5)), 0.4864583333333333, 1e-7);
  EXPECT_EQ(ops::squared_error(x, soft_targets()).weight, 20.0);
}

TEST(ElementLosses, LargeLogitsGiveFiniteLosses) {
  const std::vector<float> extremes = {300.0f, -300.0f}, targets = {0.0f, 1.0f};
  const Variable x(Tensor::of<float>(extremes, {2}));
  EXPECT_EQ(ops::binary_cross_entropy(x, Tensor::of<float>(targets, {2})).sum.value().data<float>()[0], 600.0f);
}

TEST(CrossEntropy, IgnoredRowsAloneWeighNothing) {
  const std::vector<int64_t> targets(4, kIgnored);
  ops::CrossEntropyOptions options;
  options.ignore_index = kIgnored;
  const ops::LossSum loss = ops::cross_entropy(Variable(logits()), Tensor::of<int64_t>(targets, {4}), options);
  EXPECT_EQ(loss.weight, 0.0);
  EXPECT_EQ(loss.sum.value().data<float>()[0], 0.0f);
  EXPECT_EQ(ops::count_correct(logits(), Tensor::of<int64_t>(targets, {4}), kIgnored), 0);
}

TEST(CountCorrect, TheBestAreCountedTheFirstOfEqualsFirst) {
  const std::vector<float> values = {1, 3, 2, 0, 5, 5, 5, 5};
  const Tensor logits = Tensor::of<float>(values, {2, 4});
  const auto correct = [&](int64_t first, int64_t second, int64_t best) {
    const std::vector<int64_t> targets = {first, second};
    return ops::count_correct(logits, Tensor::of<int64_t>(targets, {2}), std::nullopt, best);
  };
  EXPECT_EQ(correct(1, 0, 1), 2);
  EXPECT_EQ(correct(2, 1, 1), 0);
  EXPECT_EQ(correct(2, 1, 2), 2);
  EXPECT_EQ(correct(0, 3, 3), 1);
  EXPECT_EQ(correct(3, 3, 4), 2);
}

TEST(CountCorrect, WhatIsNoNumberIsNeverCorrect) {
  const std::vector<float> values = {std::nanf(""), 1};
  const std::vector<int64_t> first = {0}, second = {1};
  const Tensor logits = Tensor::of<float>(values, {1, 2});
  EXPECT_EQ(ops::count_correct(logits, Tensor::of<int64_t>(first, {1})), 0);
  EXPECT_EQ(ops::count_correct(logits, Tensor::of<int64_t>(second, {1})), 0);
}

TEST(CrossEntropy, TargetOutsideTheClassesIsADataError) {
  const std::vector<int64_t> targets = {0, 7, 0, 0};
  try {
    ops::cross_entropy(Variable(logits()), Tensor::of<int64_t>(targets, {4}));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_NE(std::string(error.what()).find("target 7 of row 1"), std::string::npos);
  }
}

TEST(Losses, RefuseWhatDoesNotFit) {
  const Variable x(logits());
  const std::vector<int64_t> targets(4, 0);
  const Tensor rows = Tensor::of<int64_t>(targets, {4});
  const auto refusal = [&](const ops::CrossEntropyOptions& options) {
    return test::error_of([&] { ops::cross_entropy(x, rows, options); });
  };
  EXPECT_EQ(refusal({1.0, {}, {}}), "cross_entropy: label smoothing must be in [0, 1)");
  EXPECT_EQ(refusal({0.0, Tensor::zeros({4}), {}}), "cross_entropy: class weights and classes do not fit: [4] and [5]");
  EXPECT_NE(refusal({0.0, {}, 3}).find("ignore_index 3 is one of 5 classes"), std::string::npos);
  EXPECT_EQ(test::error_of([&] { ops::cross_entropy(x, Tensor::of<int64_t>(targets, {2, 2})); }),
            "cross_entropy: targets must be i64, one a row of the logits: [4] and [2, 2]");
  EXPECT_EQ(test::error_of([&] { ops::squared_error(x, Tensor::zeros({5, 4})); }), "squared_error: targets and input do not fit: [5, 4] and [4, 5]");
  EXPECT_EQ(test::error_of([&] { ops::binary_cross_entropy(x, soft_targets(), Tensor::zeros({4})); }),
            "binary_cross_entropy: positive weights and the input's last dim do not fit: [4] and [4, 5]");
  EXPECT_NE(test::error_of([&] { ops::smooth_absolute_error(x, soft_targets(), 0.0); }).find("beta"), std::string::npos);
}

TEST(CrossEntropy, RowWeightsScaleLossWeightAndGradient) {
  const float weights[] = {0.5f, 1.0f, 0.0f, 2.0f};
  const std::vector<int64_t> targets = {3, 1, 99, 4};
  const ops::CrossEntropyOptions plain{0.1, class_weights(), {}};
  ops::CrossEntropyOptions weighted = plain;
  weighted.row_weights = Tensor::of<float>(weights, {4});
  const auto gradient_of = [](const Tensor& x, const std::vector<int64_t>& classes, const ops::CrossEntropyOptions& options, ops::LossSum& loss) {
    const Tensor gradient = Tensor::zeros(x.shape());
    const std::vector<std::shared_ptr<Leaf>> leaves = {std::make_shared<Leaf>(0, gradient)};
    loss = ops::cross_entropy(Variable(x, leaves[0]), Tensor::of<int64_t>(classes, {static_cast<int64_t>(classes.size())}), options);
    autograd::Engine().backward(loss.sum, leaves);
    return gradient;
  };
  ops::LossSum all;
  const Tensor gradient = gradient_of(logits(), targets, weighted, all);
  double sum = 0.0, weight = 0.0;
  for (int64_t row = 0; row < 4; ++row) {
    ops::LossSum own;
    const double factor = static_cast<double>(weights[row]);
    const Tensor one = gradient_of(contiguous(logits().narrow(0, row, 1)), {row == 2 ? 0 : targets[static_cast<size_t>(row)]}, plain, own);
    sum += factor * static_cast<double>(own.sum.value().data<float>()[0]);
    weight += factor * own.weight;
    for (int64_t c = 0; c < 5; ++c) EXPECT_NEAR(gradient.data<float>()[row * 5 + c], factor * static_cast<double>(one.data<float>()[c]), 1e-6);
  }
  EXPECT_NEAR(static_cast<double>(all.sum.value().data<float>()[0]), sum, 1e-5);
  EXPECT_EQ(all.weight, weight);
}

}  // namespace
}  // namespace tessera
