// SPDX-License-Identifier: Apache-2.0
// What the op table cannot say: dropout, bad shapes, special values, the tape itself.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/autograd/engine.h"
#include "core/base/error.h"
#include "core/kernels/kernels.h"
#include "core/ops/activation.h"
#include "core/ops/convolution.h"
#include "core/ops/embedding.h"
#include "core/ops/linear.h"
#include "core/ops/linears.h"
#include "core/ops/loss.h"
#include "core/ops/normalisation.h"
#include "core/ops/pooling.h"
#include "core/ops/softmax.h"
#include "tests/core/ops/support.h"

namespace tessera {
namespace {

using autograd::Leaf;
using autograd::Variable;
using test::error_of;

Variable constant(const Shape& shape, float value) {
  Tensor tensor = Tensor::empty(shape);
  for (int64_t i = 0; i < tensor.elements(); ++i) tensor.data<float>()[i] = value;
  return Variable(tensor);
}

TEST(Dropout, KeepsTheRightShareAndScalesIt) {
  const Variable x = constant({100000}, 1.0f);
  const ops::DropoutKey key{random_key(1, RandomPurpose::dropout, "drop"), 3, 4, 0};
  const Tensor y = ops::dropout(x, 0.25f, key).value();
  double sum = 0.0;
  for (int64_t i = 0; i < y.elements(); ++i) {
    const float value = y.data<float>()[i];
    ASSERT_TRUE(value == 0.0f || value == 1.0f / 0.75f);
    sum += static_cast<double>(value);
  }
  EXPECT_NEAR(sum / 100000.0, 1.0, 0.01);
}

TEST(Dropout, MaskDependsOnKeyAloneNotOnPlaceOrThreads) {
  const ops::DropoutKey key{random_key(1, RandomPurpose::dropout, "drop"), 3, 4, 0};
  set_kernel_threads(1);
  const Tensor whole = ops::dropout(constant({200001}, 1.0f), 0.5f, key).value();
  set_kernel_threads(2);
  const Tensor threaded = ops::dropout(constant({200001}, 1.0f), 0.5f, key).value();
  set_kernel_threads(1);
  const Tensor part = ops::dropout(constant({777}, 1.0f), 0.5f, key).value();
  for (int64_t i = 0; i < whole.elements(); ++i) {
    ASSERT_EQ(whole.data<float>()[i], threaded.data<float>()[i]);
    if (i < 777) {
      ASSERT_EQ(whole.data<float>()[i], part.data<float>()[i]);
    }
  }
  const ops::DropoutKey next_quantum{key.key, 3, 5, 0};
  const Tensor other = ops::dropout(constant({777}, 1.0f), 0.5f, next_quantum).value();
  int different = 0;
  for (int64_t i = 0; i < 777; ++i) different += other.data<float>()[i] != part.data<float>()[i];
  EXPECT_GT(different, 200);
}

TEST(Activation, NotANumberPassesThrough) {
  const Variable x = constant({5}, std::numeric_limits<float>::quiet_NaN());
  for (const auto& op : {ops::relu, ops::tanh, ops::sigmoid, ops::gelu, ops::gelu_tanh, ops::silu, ops::softmax, ops::log_softmax}) EXPECT_TRUE(std::isnan(op(x).value().data<float>()[0]));
  EXPECT_TRUE(std::isnan(ops::leaky_relu(x).value().data<float>()[0]));
  EXPECT_TRUE(std::isnan(ops::softplus(x).value().data<float>()[0]));
  EXPECT_TRUE(std::isnan(ops::max_pool2d(constant({1, 1, 2, 2}, std::numeric_limits<float>::quiet_NaN()), {}).value().data<float>()[0]));
}

TEST(Activation, TanhAndSigmoidAreWithinTwoUlpOfTheTruth) {
  for (double x = -20.0; x < 20.0; x += 0.00137) {
    const auto value = static_cast<float>(x);
    const Variable input = constant({1}, value);
    const double hyperbolic = std::tanh(static_cast<double>(value));
    const double logistic = 1.0 / (1.0 + std::exp(-static_cast<double>(value)));
    const double ulp = 0x1.0p-23;
    ASSERT_NEAR(static_cast<double>(ops::tanh(input).value().data<float>()[0]), hyperbolic, 2.0 * ulp * std::fabs(hyperbolic)) << x;
    ASSERT_NEAR(static_cast<double>(ops::sigmoid(input).value().data<float>()[0]), logistic, 3.0 * ulp * logistic) << x;
  }
  EXPECT_EQ(ops::tanh(constant({1}, 100.0f)).value().data<float>()[0], 1.0f);
  EXPECT_EQ(ops::sigmoid(constant({1}, -200.0f)).value().data<float>()[0], 0.0f);
}

TEST(Activation, GeluSiluAndSoftplusAreCloseFarOut) {
  for (double at = -9.0; at < 9.0; at += 0.00171) {
    const auto value = static_cast<float>(at);
    const double x = static_cast<double>(value), tail = 0.5 * std::erfc(-x / std::sqrt(2.0));
    const auto of = [&](Variable (*op)(const Variable&)) { return static_cast<double>(op(constant({1}, value)).value().data<float>()[0]); };
    ASSERT_NEAR(of(ops::gelu), x * tail, 1e-5 * std::fabs(x * tail)) << x;
    ASSERT_NEAR(of(ops::silu), x / (1.0 + std::exp(-x)), 5e-7 * std::fabs(x / (1.0 + std::exp(-x)))) << x;
    ASSERT_NEAR(of([](const Variable& v) { return ops::softplus(v); }), std::log1p(std::exp(x)), 4e-7 * std::log1p(std::exp(x))) << x;
  }
}

TEST(BadShapes, NameOpAndBothShapes) {
  const Variable none;
  std::string text = error_of([&] { ops::linear(constant({2, 3}, 1), constant({4, 5}, 1), none); });
  EXPECT_NE(text.find("linear"), std::string::npos);
  EXPECT_NE(text.find("[2, 3]"), std::string::npos);
  EXPECT_NE(text.find("[4, 5]"), std::string::npos);
  const auto packed = std::make_shared<PackedWeight>();
  text = error_of([&] { ops::conv2d(constant({1, 3, 8, 8}, 1), constant({4, 2, 3, 3}, 1), none, {}, packed); });
  EXPECT_NE(text.find("conv2d: input channels"), std::string::npos);
  text = error_of([&] { ops::conv2d(constant({1, 2, 2, 2}, 1), constant({4, 2, 3, 3}, 1), none, {}, packed); });
  EXPECT_NE(text.find("larger than the padded input"), std::string::npos);
  text = error_of([&] { ops::max_pool2d(constant({1, 2, 4, 4}, 1), {16, 1, 0}); });
  EXPECT_NE(text.find("[16, 16]"), std::string::npos);
}

TEST(BadShapes, OfNormalisations) {
  const Variable none, x = constant({2, 6, 4, 4}, 1);
  EXPECT_EQ(error_of([&] { ops::layer_norm(x, {5}, none, none); }), "layer_norm: the input does not end in the normalised shape: [2, 6, 4, 4] and [5]");
  EXPECT_EQ(error_of([&] { ops::layer_norm(x, {0}, none, none); }), "layer_norm: the input does not end in the normalised shape: [2, 6, 4, 4] and [0]");
  EXPECT_EQ(error_of([&] { ops::layer_norm(constant({4}, 1), {2, 4}, none, none); }),
            "layer_norm: the input does not end in the normalised shape: [4] and [2, 4]");
  EXPECT_EQ(error_of([&] { ops::layer_norm(x, {4}, constant({3}, 1), none); }), "layer_norm: weight and normalised shape do not fit: [3] and [4]");
  EXPECT_EQ(error_of([&] { ops::group_norm(x, 4, none, none); }), "group_norm: 4 groups do not divide the channels of [2, 6, 4, 4]");
  EXPECT_EQ(error_of([&] { ops::group_norm(x, 3, none, constant({2}, 1)); }), "group_norm: bias and channels of the input do not fit: [2] and [6]");
  EXPECT_EQ(error_of([&] { ops::group_norm(constant({2, 6, 0, 4}, 1), 3, none, none); }), "group_norm has no statistics of the empty samples of [2, 6, 0, 4]");
  EXPECT_EQ(error_of([&] { ops::group_norm(constant({2, 6, 4}, 1), 3, none, none); }), "group_norm needs [N, C, H, W] or [N, C], not [2, 6, 4]");
  EXPECT_EQ(error_of([&] { ops::softmax(constant({2, 0}, 1)); }), "softmax needs at least one element in the last dim, not [2, 0]");
  EXPECT_NE(error_of([&] { ops::leaky_relu(x, -0.5); }).find("leaky_relu: slope"), std::string::npos);
  EXPECT_NE(error_of([&] { ops::softplus(x, 0.0); }).find("softplus: beta"), std::string::npos);
}

TEST(Normalisation, LargeMeansDoNotDrownTheDeviations) {
  const Variable none;
  Tensor x = Tensor::empty({1, 8, 2, 2});
  for (int64_t i = 0; i < 32; ++i) x.data<float>()[i] = 4096.0f + static_cast<float>(i % 2);
  for (const Tensor& y : {ops::group_norm(Variable(x), 2, none, none).value(), ops::layer_norm(Variable(x), {8, 2, 2}, none, none).value()}) {
    for (int64_t i = 0; i < 32; ++i) EXPECT_NEAR(contiguous(y).data<float>()[i], i % 2 == 0 ? -1.0f : 1.0f, 1e-4f);
  }
}

TEST(Embedding, AnIdOutsideTheTableIsADataError) {
  const std::vector<int64_t> ids = {0, 3, 1, 70};
  for (const int64_t rows : {50, 3}) {
    const std::string id = rows == 50 ? "id 70 at place 3" : "id 3 at place 1", range = rows == 50 ? "0..49" : "0..2";
    EXPECT_EQ(error_of([&] { ops::embedding(Tensor::of<int64_t>(ids, {2, 2}), constant({rows, 4}, 1)); }),
              "embedding: " + id + " of [2, 2] is outside " + range + ", the rows of the table " + (Shape{rows, 4}).text() +
                  "; the model needs as many rows as the data has ids");
  }
  EXPECT_EQ(error_of([&] { ops::embedding(Tensor::zeros({2}), constant({3, 4}, 1)); }), "embedding needs ids i64, not f32");
}

TEST(Embedding, PaddingIsLookedUpButNotTrained) {
  const Tensor gradient = Tensor::zeros({3, 2});
  const std::vector<std::shared_ptr<Leaf>> leaves = {std::make_shared<Leaf>(0, gradient)};
  const Variable table(constant({3, 2}, 5.0f).value(), leaves[0]);
  const std::vector<int64_t> ids = {1, 0, 1, 2};
  const Variable y = ops::embedding(Tensor::of<int64_t>(ids, {4}), table, 1);
  EXPECT_EQ(y.value().data<float>()[0], 5.0f);
  autograd::Engine().backward(ops::absolute_error(y, Tensor::zeros({4, 2})).sum, leaves);
  const float want[] = {1, 1, 0, 0, 1, 1};
  for (int i = 0; i < 6; ++i) EXPECT_EQ(gradient.data<float>()[i], want[i]) << i;
}

class CountingHook final : public autograd::GradientHook {
 public:
  void gradient_ready(size_t index) override { fired.push_back(index); }
  std::vector<size_t> fired;
};

TEST(Engine, EveryLeafFiresOnceAndUnusedOnesGetZero) {
  const Tensor used = Tensor::zeros({2, 3}), twice = Tensor::zeros({4, 2}), unused = Tensor::zeros({5});
  unused.data<float>()[0] = 42.0f;
  const std::vector<std::shared_ptr<Leaf>> leaves = {std::make_shared<Leaf>(0, used), std::make_shared<Leaf>(1, twice),
                                                     std::make_shared<Leaf>(2, unused)};
  CountingHook hook;
  for (const auto& leaf : leaves) leaf->set_hook(&hook);
  const Variable weight(constant({2, 3}, 0.5f).value(), leaves[0]), matrix(constant({4, 2}, 0.25f).value(), leaves[1]);
  const Variable none;
  for (int pass = 0; pass < 2; ++pass) {
    hook.fired.clear();
    const Variable h = ops::linear(ops::linear(constant({1, 3}, 1.0f), weight, none), matrix, none);  // [1, 4]
    const Variable y = ops::linear(h, Variable(constant({2, 4}, 1.0f).value()), none);
    const Variable z = ops::linear(y, matrix, none);  // uses the matrix again
    const std::vector<int64_t> target = {1};
    autograd::Engine().backward(ops::cross_entropy(z, Tensor::of<int64_t>(target, {1})), leaves);
    EXPECT_EQ(hook.fired, (std::vector<size_t>{1, 0, 2}));
    EXPECT_EQ(unused.data<float>()[0], 0.0f);
  }
}

/// Parameters that follow each other in memory, as those of a model do, give the same bits as parameters that do not; also where one of them is fixed.
TEST(Linears, NeighboursInMemoryChangeNothing) {
  const Tensor values = Tensor::empty({2 * 4 * 16}), biases = Tensor::empty({2 * 4}), x = Tensor::empty({3, 16});
  for (const Tensor* tensor : {&values, &biases, &x}) {
    for (int64_t i = 0; i < tensor->elements(); ++i) tensor->data<float>()[i] = static_cast<float>(i * i % 17) * 0.1f - 0.8f;
  }
  const auto gradients_of = [&](bool neighbours, bool second_fixed) {
    const Tensor flat = Tensor::zeros({160});
    std::vector<std::shared_ptr<Leaf>> leaves;
    std::vector<Tensor> gradients;
    std::vector<Variable> parameters;
    for (size_t i = 0; i < 4; ++i) {
      const bool bias = i > 1;
      const int64_t size = bias ? 4 : 64, begin = (bias ? 128 : 0) + static_cast<int64_t>(i % 2) * size;
      const Shape shape = bias ? Shape{4} : Shape{4, 16};
      gradients.push_back(neighbours ? flat.narrow(0, begin, size).reshape(shape) : Tensor::zeros(shape));
      leaves.push_back(std::make_shared<Leaf>(i, gradients.back()));
      const Tensor view = (bias ? biases : values).narrow(0, static_cast<int64_t>(i % 2) * size, size).reshape(shape), own = Tensor::empty(shape);
      copy_into(view, own);
      parameters.emplace_back(neighbours ? view : own, second_fixed && i % 2 == 1 ? nullptr : leaves.back());
    }
    const Variable y = ops::linears(Variable(x), std::vector{parameters[0], parameters[1]}, std::vector{parameters[2], parameters[3]});
    EXPECT_EQ(y.shape(), (Shape{3, 8}));
    const std::vector<int64_t> targets = {1, 7, 4};
    autograd::Engine().backward(ops::cross_entropy(y, Tensor::of<int64_t>(targets, {3})), leaves);
    std::vector<float> all;
    for (const Tensor& gradient : gradients) all.insert(all.end(), gradient.data<float>(), gradient.data<float>() + gradient.elements());
    return all;
  };
  for (const bool fixed : {false, true}) {
    const std::vector<float> gradients = gradients_of(true, fixed);
    EXPECT_EQ(gradients, gradients_of(false, fixed)) << fixed;
    EXPECT_NE(gradients[0], 0.0f);
    EXPECT_EQ(gradients[64] != 0.0f, !fixed);
  }
}

TEST(Engine, DeepGraphsDoNotOverflowTheStack) {
  const std::vector<std::shared_ptr<Leaf>> leaves = {std::make_shared<Leaf>(0, Tensor::zeros({1, 2}))};
  Variable x(Tensor::zeros({1, 2}), leaves[0]);
  for (int i = 0; i < 100000; ++i) x = ops::relu(x);
  const std::vector<int64_t> target = {1};
  autograd::Engine().backward(ops::cross_entropy(x, Tensor::of<int64_t>(target, {1})), leaves);
}

}  // namespace
}  // namespace tessera
