// SPDX-License-Identifier: Apache-2.0
// bf16: what enters products is rounded, nothing else.
#include "core/ops/precision.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "core/nn/flat_parameters.h"
#include "core/nn/layers.h"
#include "core/ops/convolution.h"
#include "core/ops/linear.h"
#include "core/ops/matmul.h"
#include "tests/core/ops/support.h"

namespace tessera {
namespace {

using autograd::Leaf;
using autograd::Variable;
using ops::Precision;

/// The definition: the nearer of the two neighbours, on a tie the one whose last bit is 0.
float nearest_by_definition(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x), below = bits & 0xffff0000u, above = below + 0x10000u;
  const uint32_t rest = bits & 0xffffu;
  if (rest == 0x8000u) return std::bit_cast<float>((below & 0x10000u) == 0 ? below : above);
  return std::bit_cast<float>(rest < 0x8000u ? below : above);
}

Tensor numbers(std::vector<float> values) { return Tensor::of<float>(values, {static_cast<int64_t>(values.size())}); }

void expect_same(const Tensor& a, const Tensor& b) {
  ASSERT_EQ(a.shape(), b.shape());
  const Tensor first = contiguous(a), second = contiguous(b);
  for (int64_t i = 0; i < a.elements(); ++i) ASSERT_EQ(first.data<float>()[i], second.data<float>()[i]) << i;
}

TEST(Bf16, RoundsToNearestTiesToEven) {
  std::vector<float> values = {0.0f, -0.0f, 1.0f, -1.0f, 1e-40f, 3.4e38f, std::numeric_limits<float>::infinity()};
  for (const uint32_t low : {0x0001u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu}) {
    for (const uint32_t high : {0x3f800000u, 0x3f810000u, 0xbf800000u, 0x00000000u, 0x007f0000u}) values.push_back(std::bit_cast<float>(high | low));
  }
  const Tensor random = test::random_tensor({1001}, 5);
  values.insert(values.end(), random.data<float>(), random.data<float>() + random.elements());
  const Tensor rounded = ops::rounded(numbers(values), Precision::bf16);
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(std::bit_cast<uint32_t>(rounded.data<float>()[i]), std::bit_cast<uint32_t>(nearest_by_definition(values[i]))) << values[i];
  }
}

TEST(Bf16, WhatIsTooLargeBecomesInfinityAndNanStaysNan) {
  const float nans[] = {std::bit_cast<float>(0x7f800001u), std::bit_cast<float>(0x7fffffffu), std::bit_cast<float>(0xffffffffu)};
  const Tensor rounded = ops::rounded(numbers({std::numeric_limits<float>::max(), -std::numeric_limits<float>::max(), nans[0], nans[1], nans[2]}), Precision::bf16);
  EXPECT_EQ(rounded.data<float>()[0], std::numeric_limits<float>::infinity());
  EXPECT_EQ(rounded.data<float>()[1], -std::numeric_limits<float>::infinity());
  for (int i = 2; i < 5; ++i) EXPECT_TRUE(std::isnan(rounded.data<float>()[i]));
}

TEST(Bf16, F32LeavesTensorsAlone) {
  const Tensor x = test::random_tensor({7}, 1);
  EXPECT_EQ(ops::rounded(x, Precision::f32).bytes(), x.bytes());
}

TEST(Bf16, NamesOfPrecisions) {
  EXPECT_EQ(ops::precision_from("bf16"), Precision::bf16);
  EXPECT_EQ(ops::precision_from("f32"), Precision::f32);
  EXPECT_NE(test::error_of([] { ops::precision_from("f16"); }).find("precision.compute"), std::string::npos);
}

/// An op's value and gradients with a gradient of random numbers.
struct OpPass {
  std::vector<Tensor> inputs;
  Tensor value;
  std::vector<Tensor> gradients;
};

template <typename Op>
OpPass run_op(const std::vector<Tensor>& inputs, const Tensor& dy, Op op) {
  OpPass pass{inputs, {}, {}};
  std::vector<std::shared_ptr<Leaf>> leaves;
  std::vector<Variable> variables;
  for (size_t i = 0; i < inputs.size(); ++i) {
    pass.gradients.push_back(Tensor::zeros(inputs[i].shape()));
    leaves.push_back(std::make_shared<Leaf>(i, pass.gradients.back()));
    variables.emplace_back(inputs[i], leaves.back());
  }
  const Variable y = op(variables);
  pass.value = y.value();
  y.node()->backward(dy);
  return pass;
}

/// The op in bf16 is the op in f32 on rounded factors and a rounded gradient, but for the bias (the third input), which takes the gradient as it is.
template <typename Op>
void expect_rounded_factors(std::vector<Tensor> inputs, const Shape& out, Op op) {
  for (size_t i = 0; i < 2; ++i) inputs[i] = test::random_tensor(inputs[i].shape(), i + 1);
  const Tensor dy = test::random_tensor(out, 77);
  std::vector<Tensor> rounded = inputs;
  for (size_t i = 0; i < 2; ++i) rounded[i] = ops::rounded(inputs[i], Precision::bf16);
  inputs[1] = op.rounds_both ? inputs[1] : rounded[1];
  const OpPass actual = run_op(inputs, dy, [&](const auto& v) { return op(v, Precision::bf16); });
  const OpPass expected = run_op(rounded, ops::rounded(dy, Precision::bf16), [&](const auto& v) { return op(v, Precision::f32); });
  const OpPass exact = run_op(rounded, dy, [&](const auto& v) { return op(v, Precision::f32); });
  expect_same(actual.value, expected.value);
  expect_same(actual.gradients[0], expected.gradients[0]);
  expect_same(actual.gradients[1], expected.gradients[1]);
  EXPECT_NE(actual.gradients[1].data<float>()[0], exact.gradients[1].data<float>()[0]) << "the gradient was not rounded";
  if (inputs.size() < 3) return;
  for (int64_t i = 0; i < inputs[2].elements(); ++i) EXPECT_NEAR(actual.gradients[2].data<float>()[i], exact.gradients[2].data<float>()[i], 1e-4f);
}

struct LinearOp {
  static constexpr bool rounds_both = false;
  Variable operator()(const std::vector<Variable>& v, Precision precision) const { return ops::linear(v[0], v[1], v[2], {.precision = precision}); }
};

struct MatmulOp {
  static constexpr bool rounds_both = true;
  Variable operator()(const std::vector<Variable>& v, Precision precision) const { return ops::matmul(v[0], v[1], precision); }
};

struct ConvolutionOp {
  static constexpr bool rounds_both = false;
  Variable operator()(const std::vector<Variable>& v, Precision precision) const {
    return ops::conv2d(v[0], v[1], v[2], {.padding = 1}, std::make_shared<PackedWeight>(), precision);
  }
};

struct TransposeOp {
  static constexpr bool rounds_both = false;
  Variable operator()(const std::vector<Variable>& v, Precision precision) const {
    return ops::conv_transpose2d(v[0], v[1], v[2], {.stride = 2}, std::make_shared<PackedWeight>(), precision);
  }
};

TEST(Bf16, FactorsOfLinear) { expect_rounded_factors({Tensor::zeros({5, 33}), Tensor::zeros({9, 33}), test::random_tensor({9}, 3)}, {5, 9}, LinearOp()); }

TEST(Bf16, FactorsOfMatmul) { expect_rounded_factors({Tensor::zeros({3, 5, 33}), Tensor::zeros({3, 33, 7})}, {3, 5, 7}, MatmulOp()); }

TEST(Bf16, FactorsOfConvolutions) {
  expect_rounded_factors({Tensor::zeros({2, 8, 6, 6}), Tensor::zeros({12, 8, 3, 3}), test::random_tensor({12}, 3)}, {2, 12, 6, 6}, ConvolutionOp());
  expect_rounded_factors({Tensor::zeros({2, 8, 6, 6}), Tensor::zeros({8, 12, 2, 2}), test::random_tensor({12}, 3)}, {2, 12, 12, 12}, TransposeOp());
}

/// The rounded copy of a weight follows its master, and results are those of the rounded weight, whichever precision came before.
TEST(Bf16, LayersRoundTheirWeightsAnewAfterAnUpdate) {
  nn::Conv2d layer({.in_channels = 8, .out_channels = 12, .kernel = 3, .padding = 1});
  layer.name_tree();
  nn::FlatParameters parameters(layer, 1);
  const Variable x(ops::rounded(test::random_tensor({2, 8, 6, 6}, 4), Precision::bf16));
  const auto output = [&](Precision precision) {
    nn::ForwardContext context(true, 1, 0, 0, precision);
    return layer(x, context).value();
  };
  for (int update = 0; update < 2; ++update) {
    const Tensor exact = output(Precision::f32), coarse = output(Precision::bf16);
    expect_same(output(Precision::f32), exact);
    const Tensor kept = Tensor::empty(parameters.values().shape());
    copy_into(parameters.values(), kept);
    Tensor weight = nn::FlatParameters::view(parameters.values(), parameters.slots()[0]);
    copy_into(ops::rounded(weight, Precision::bf16), weight);
    parameters.values_changed();
    expect_same(coarse, output(Precision::f32));
    EXPECT_NE(coarse.data<float>()[0], exact.data<float>()[0]);
    for (int64_t i = 0; i < kept.elements(); ++i) parameters.values().data<float>()[i] = 1.7f * kept.data<float>()[i];
    parameters.values_changed();
  }
}

}  // namespace
}  // namespace tessera
