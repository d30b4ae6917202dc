// SPDX-License-Identifier: Apache-2.0
// What the op table cannot say of views, reductions and arithmetic: memory that is shared, equal maxima, NaN, threads.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "core/autograd/engine.h"
#include "core/kernels/kernels.h"
#include "core/ops/arithmetic.h"
#include "core/ops/convolution.h"
#include "core/ops/matmul.h"
#include "core/ops/movement.h"
#include "core/ops/pooling.h"
#include "core/ops/reduction.h"
#include "core/ops/view.h"

namespace tessera {
namespace {

using autograd::Leaf;
using autograd::Variable;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

Variable of(const std::vector<float>& values, const Shape& shape) { return Variable(Tensor::of<float>(values, shape)); }

/// Numbers of all magnitudes, so that any other order of a sum shows in its bits.
Variable rough(const Shape& shape) {
  Tensor tensor = Tensor::empty(shape);
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    const auto x = static_cast<double>(i);
    tensor.data<float>()[i] = static_cast<float>(std::sin(x) * std::exp(5.0 * std::cos(x * 0.37)));
  }
  return Variable(tensor);
}

Variable image_of(const Variable& x) {
  Tensor image = Tensor::empty_channels_last(x.shape());
  copy_into(x.value(), image);
  return Variable(image);
}

std::vector<float> values_of(const Tensor& tensor) {
  const Tensor plain = contiguous(tensor);
  return {plain.data<float>(), plain.data<float>() + plain.elements()};
}

/// The gradient of sum(op(x)).
std::vector<float> gradient_of(const Variable& x, const std::function<Variable(const Variable&)>& op) {
  const Tensor gradient = Tensor::zeros(x.shape());
  const std::vector<std::shared_ptr<Leaf>> leaves = {std::make_shared<Leaf>(0, gradient)};
  autograd::Engine().backward(ops::sum(op(Variable(x.value(), leaves[0]))), leaves);
  return values_of(gradient);
}

bool shares_memory(const Variable& a, const Variable& b) { return a.value().storage() == b.value().storage(); }

TEST(Views, CopyNothing) {
  const Variable x = rough({2, 6, 4, 5}), image = image_of(x);
  EXPECT_TRUE(shares_memory(ops::reshape(x, {12, 20}), x));
  EXPECT_TRUE(shares_memory(ops::reshape(image, {2, 6, 20}), image));
  EXPECT_FALSE(shares_memory(ops::reshape(image, {12, 20}), image));
  const Variable heads = ops::slice(ops::reshape(x, {8, 30}), 1, 10, 20);
  EXPECT_TRUE(shares_memory(ops::transpose(ops::reshape(heads, {8, 2, 5}), 0, 1), x));
  EXPECT_TRUE(shares_memory(ops::expand(ops::slice(x, 1, 2, 3), {2, 9, 4, 5}), x));
  for (const Variable& part : ops::chunk(image, 1, 3)) EXPECT_TRUE(shares_memory(part, image));
}

TEST(Tape, GradientsOfDifferentLayoutsAreSummedByPlaceNotByMemory) {
  const Variable x = rough({2, 3, 4, 5});
  const auto both = [](const Variable& input) {
    const Variable plain = ops::multiply(input, rough({2, 3, 4, 5})), image = ops::multiply(input, image_of(rough({2, 3, 4, 5})));
    return ops::add(ops::sum(plain), ops::add(ops::sum(ops::multiply(ops::permute(input, {3, 2, 1, 0}), rough({5, 4, 3, 2}))), ops::sum(image)));
  };
  // Behind an op, so that the parts meet in a node and not in a leaf.
  const auto got = gradient_of(x, [&](const Variable& input) { return both(ops::negative(input)); });
  const auto weight = values_of(rough({2, 3, 4, 5}).value());
  const size_t order[] = {3, 2, 1, 0};
  const auto turned = values_of(rough({5, 4, 3, 2}).value().permute(order));
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], -2.0f * weight[i] - turned[i], 1e-4f * (1.0f + std::fabs(got[i]))) << i;
}

TEST(Tape, PartsOfASplitMayBeUsedTwiceOrNotAtAll) {
  const auto got = gradient_of(rough({4, 2}), [](const Variable& x) {
    const auto parts = ops::split(x, 0, {1, 1, 2});
    return ops::add(ops::add(parts[0], parts[0]), ops::multiply(ops::slice(parts[2], 0, 1, 2), 5.0f));
  });
  EXPECT_EQ(got, (std::vector<float>{2, 2, 0, 0, 0, 0, 5, 5}));
}

TEST(Maximum, TheFirstOfEqualsTakesTheGradient) {
  const Variable x = of({1, 3, 3, 3, 2, 3}, {2, 3});
  EXPECT_EQ(gradient_of(x, [](const Variable& v) { return ops::max(v, {1}); }), (std::vector<float>{0, 1, 0, 1, 0, 0}));
  EXPECT_EQ(gradient_of(x, [](const Variable& v) { return ops::max(v, {0}); }), (std::vector<float>{0, 1, 1, 1, 0, 0}));
  EXPECT_EQ(gradient_of(x, [](const Variable& v) { return ops::max(v); }), (std::vector<float>{0, 1, 0, 0, 0, 0}));
  // Also where the image's memory has the channels the other way round: element [0, 0, 0, 1] comes before [0, 1, 0, 0].
  const Variable image = image_of(of({0, 7, 7, 0}, {1, 2, 1, 2}));
  EXPECT_EQ(gradient_of(image, [](const Variable& v) { return ops::max(v); }), (std::vector<float>{0, 1, 0, 0}));
  const auto pooled = [](const Variable& v) { return ops::global_max_pool2d(v); };
  EXPECT_EQ(gradient_of(of({5, 5, 5, 1}, {1, 1, 2, 2}), pooled), (std::vector<float>{1, 0, 0, 0}));
}

TEST(Maximum, NotANumberWins) {
  for (const int64_t size : {3, 70}) {
    std::vector<float> values(static_cast<size_t>(size), 1.0f);
    values[1] = kNaN;
    const Variable row = of(values, {1, size}), column = of(values, {size, 1});
    EXPECT_TRUE(std::isnan(ops::max(row, {1}).value().data<float>()[0]));
    EXPECT_TRUE(std::isnan(ops::min(row, {1}).value().data<float>()[0]));
    EXPECT_TRUE(std::isnan(ops::max(ops::concatenate(std::vector{column, column}, 1), {0}).value().data<float>()[1]));
  }
  EXPECT_TRUE(std::isnan(ops::global_max_pool2d(of({1, kNaN, 2, 3}, {1, 1, 2, 2})).value().data<float>()[0]));
}

TEST(Sums, HaveTheSameBitsForAnyNumberOfThreads) {
  for (const auto& [shape, dims] : std::vector<std::pair<Shape, ops::Dims>>{{{300007}, {0}}, {{20011, 33}, {0}}, {{7, 40003}, {1}}, {{3, 5003, 40}, {0, 1}}}) {
    const Variable x = rough(shape);
    set_kernel_threads(1);
    const std::vector<float> one = values_of(ops::sum(x, dims).value());
    for (const int threads : {2, 3, 7}) {
      set_kernel_threads(threads);
      const std::vector<float> many = values_of(ops::sum(x, dims).value());
      EXPECT_EQ(std::memcmp(one.data(), many.data(), one.size() * sizeof(float)), 0) << shape.text();
    }
    set_kernel_threads(1);
  }
}

TEST(Sums, OfManyTermsKeepTheirDigits) {
  const Variable x = of(std::vector<float>(3000000, 0.1f), {3000000});
  EXPECT_NEAR(ops::sum(x).value().data<float>()[0], 3000000.0 * static_cast<double>(0.1f), 0.1);
  EXPECT_NEAR(ops::sum(ops::reshape(x, {1000000, 3}), {0}).value().data<float>()[1], 1000000.0 * static_cast<double>(0.1f), 0.05);
}

TEST(Broadcasts, HaveTheSameBitsForAnyNumberOfThreads) {
  const Variable x = image_of(rough({3, 20, 50, 70})), scale = rough({20, 1, 1});
  const auto run = [&](int threads) {
    set_kernel_threads(threads);
    return values_of(ops::multiply(x, scale).value());
  };
  const std::vector<float> one = run(1), many = run(3);
  set_kernel_threads(1);
  EXPECT_EQ(std::memcmp(one.data(), many.data(), one.size() * sizeof(float)), 0);
}

TEST(Gather, GradientsHaveTheSameBitsForAnyNumberOfThreads) {
  std::vector<int64_t> indices;
  for (int64_t k = 0; k < 500; ++k) indices.push_back(k * k % 37);
  const Tensor rows = Tensor::of<int64_t>(indices, {500});
  const auto run = [&](int threads) {
    set_kernel_threads(threads);
    return gradient_of(rough({37, 900}), [&](const Variable& x) { return ops::multiply(ops::gather(x, 0, rows), rough({500, 900})); });
  };
  const std::vector<float> one = run(1), many = run(3);
  set_kernel_threads(1);
  EXPECT_EQ(std::memcmp(one.data(), many.data(), one.size() * sizeof(float)), 0);
}

TEST(Logarithm, IsWithinTwoUlpOfTheTruthAndKnowsItsEnds) {
  for (double exponent = -149.0; exponent < 128.0; exponent += 0.00713) {
    const auto value = static_cast<float>(std::exp2(exponent));
    const double want = std::log(static_cast<double>(value)), got = static_cast<double>(ops::log(of({value}, {1})).value().data<float>()[0]);
    const double ulp = std::max(std::fabs(want) * 0x1.0p-23, 0x1.0p-149);
    ASSERT_NEAR(got, want, 2.0 * ulp) << value;
  }
  const Variable ends = ops::log(of({0.0f, -0.0f, 1.0f, kInfinity, -1.0f, -kInfinity, kNaN}, {7}));
  const float* y = ends.value().data<float>();
  EXPECT_EQ(y[0], -kInfinity);
  EXPECT_EQ(y[1], -kInfinity);
  EXPECT_EQ(y[2], 0.0f);
  EXPECT_EQ(y[3], kInfinity);
  for (int i = 4; i < 7; ++i) EXPECT_TRUE(std::isnan(y[i]));
}

TEST(Convolution, ATransposedOnesOutputPaddingHoldsTheBiasAlone) {
  const Variable y = ops::conv_transpose2d(of({1.0f}, {1, 1, 1, 1}), of({2.0f}, {1, 1, 1, 1}), of({0.5f}, {1}), {.stride = 2, .output_padding = 1},
                                           std::make_shared<PackedWeight>());
  EXPECT_EQ(values_of(y.value()), (std::vector<float>{2.5f, 0.5f, 0.5f, 0.5f}));
}

}  // namespace
}  // namespace tessera
