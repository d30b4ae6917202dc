// SPDX-License-Identifier: Apache-2.0
#include "core/nn/sequential.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/nn/flat_parameters.h"
#include "core/nn/start.h"
#include "core/ops/activation.h"
#include "core/ops/arithmetic.h"

namespace tessera::nn {
namespace {

std::vector<float> values_of(const Variable& x) { return {x.value().data<float>(), x.value().data<float>() + x.value().elements()}; }

std::vector<std::string> names_of(Module& module) {
  module.name_tree();
  std::vector<std::string> names;
  module.for_each_parameter([&](const Parameter& parameter) { names.push_back(parameter.name); });
  return names;
}

TEST(Sequential, StepsAreNumberedAsInPyTorch) {
  Sequential sequence;
  sequence.then(std::make_unique<Linear>(2, 3)).then(ops::relu).then(std::make_unique<Linear>(3, 3));
  sequence.then_batch_norm_relu(std::make_unique<BatchNorm>(3)).then("last", std::make_unique<Linear>(3, 1)).then(std::make_unique<Linear>(1, 1));
  EXPECT_EQ(names_of(sequence), (std::vector<std::string>{"0.weight", "0.bias", "2.weight", "2.bias", "3.weight", "3.bias", "last.weight", "last.bias",
                                                          "6.weight", "6.bias"}));
}

TEST(Sequential, RunsItsStepsInOrder) {
  Sequential sequence;
  sequence.then([](const Variable& x) { return ops::add(x, 1.0f); }).then([](const Variable& x) { return ops::multiply(x, 3.0f); });
  ForwardContext context(true, 1, 0, 0);
  EXPECT_EQ(values_of(sequence(Variable(Tensor::of<float>(std::vector<float>{1, -2}, {2})), context)), (std::vector<float>{6, -3}));
}

TEST(Sequential, NormAndReluInOnePassAreBoth) {
  Sequential fused, plain;
  fused.then_batch_norm_relu(std::make_unique<BatchNorm>(2));
  plain.then(std::make_unique<BatchNorm>(2)).then(ops::relu);
  const FlatParameters of_fused(fused, 1), of_plain(plain, 1);
  ForwardContext context(true, 1, 0, 0);
  const Variable x(Tensor::of<float>(std::vector<float>{1, 5, 2, -3, 4, 0}, {3, 2}));
  EXPECT_EQ(values_of(fused(x, context)), values_of(plain(x, context)));
}

TEST(BatchNorm, AddsAResidualAndMayStartAtZero) {
  BatchNorm norm(2);
  norm.start_at(0.0f);
  const FlatParameters parameters(norm, 1);
  ForwardContext context(true, 1, 0, 0);
  const Variable x(Tensor::of<float>(std::vector<float>{1, 5, 2, -3}, {2, 2})), residual(Tensor::of<float>(std::vector<float>{7, 8, -9, 4}, {2, 2}));
  EXPECT_EQ(values_of(norm.with_residual(x, residual, context)), values_of(residual));
}

TEST(Start, RulesReachTheNamedParametersOfAKind) {
  Sequential model;
  model.then(std::make_unique<Conv2d>(Conv2dOptions{.in_channels = 2, .out_channels = 8})).then(std::make_unique<Linear>(8, 2));
  start_convolutions_by_fan_out(model);
  start_linears_normal(model, 0.01f);
  std::vector<Initialiser> starts;
  model.for_each_parameter([&](const Parameter& parameter) { starts.push_back(parameter.initialiser); });
  ASSERT_EQ(starts.size(), 4u);
  EXPECT_EQ(starts[0].kind, Initialiser::Kind::normal);
  EXPECT_FLOAT_EQ(starts[0].spread, std::sqrt(2.0f / 72.0f));
  EXPECT_EQ(starts[1].kind, Initialiser::Kind::constant);
  EXPECT_EQ(starts[1].centre, 0.0f);
  EXPECT_EQ(starts[2].kind, Initialiser::Kind::normal);
  EXPECT_FLOAT_EQ(starts[2].spread, 0.01f);
  EXPECT_EQ(starts[3].kind, Initialiser::Kind::constant);
}

}  // namespace
}  // namespace tessera::nn
