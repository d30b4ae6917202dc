// SPDX-License-Identifier: Apache-2.0
// What ops do for each other while memory is near leaves every bit as it is.
#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "core/autograd/engine.h"
#include "core/kernels/kernels.h"
#include "core/ops/arithmetic.h"
#include "core/ops/convolution.h"
#include "core/ops/loss.h"
#include "core/ops/normalisation.h"
#include "core/ops/view.h"
#include "tests/core/ops/support.h"

namespace tessera {
namespace {

using autograd::Leaf;
using autograd::Variable;

/// An op that does nothing, between two that would otherwise know each other.
using Between = std::function<Variable(const Variable&)>;

Variable nothing(const Variable& x) { return x; }
Variable identity(const Variable& x) { return ops::permute(x, {0, 1, 2, 3}); }

struct Options {
  int64_t groups = 1;
  bool bias = false;
  float ceiling = kReluCeiling;
  bool residual = false;
  bool used_twice = false;  ///< the convolution's result
};

constexpr int64_t kChannels = 16;

/// conv - batch norm - conv, whose gradients a test looks at, the residual from before the first; images so large that their gradients come in parts.
Variable chain(const std::vector<Variable>& in, const Options& options, const Between& between) {
  const auto packed = [] { return std::make_shared<PackedWeight>(); };
  const ops::BatchStatistics statistics{Tensor::empty({kChannels}), Tensor::empty({kChannels})};
  const ops::ConvolutionOptions window{.padding = 1, .groups = options.groups};
  const Variable h = ops::conv2d(in[0], in[1], options.bias ? in[2] : Variable(), window, packed());
  const Variable normalised = ops::batch_norm(between(h), in[3], in[4], options.residual ? in[0] : Variable(), {1e-5, options.ceiling}, statistics);
  const Variable y = ops::conv2d(between(normalised), in[5], Variable(), {}, packed());
  return options.used_twice ? ops::add(y, h) : y;
}

/// Gradients of all inputs.
std::vector<Tensor> gradients(const Options& options, const Between& between) {
  const std::vector<Shape> shapes = {{5, kChannels, 97, 101}, {kChannels, kChannels / options.groups, 3, 3}, {kChannels}, {kChannels}, {kChannels}, {kChannels, kChannels, 1, 1}};
  std::vector<std::shared_ptr<Leaf>> leaves;
  std::vector<Variable> variables;
  std::vector<Tensor> gradients;
  for (size_t i = 0; i < shapes.size(); ++i) {
    gradients.push_back(Tensor::zeros(shapes[i]));
    leaves.push_back(std::make_shared<Leaf>(i, gradients.back()));
    variables.emplace_back(test::random_tensor(shapes[i], i), leaves.back());
  }
  const Variable y = chain(variables, options, between);
  autograd::Engine().backward(ops::squared_error(y, test::random_tensor(y.shape(), 9)).sum, leaves);
  return gradients;
}

void expect_same_bits(const Options& options) {
  const std::vector<Tensor> together = gradients(options, nothing), apart = gradients(options, identity);
  for (size_t i = 0; i < together.size(); ++i) {
    EXPECT_EQ(std::memcmp(together[i].bytes(), apart[i].bytes(), together[i].size_bytes()), 0) << "gradient " << i;
  }
}

TEST(FusedGradients, OfConvolutionAndBatchNorm) { expect_same_bits({}); }
TEST(FusedGradients, OfBias) { expect_same_bits({.bias = true}); }
TEST(FusedGradients, OfRelu6) { expect_same_bits({.ceiling = kRelu6Ceiling}); }
TEST(FusedGradients, WithoutRelu) { expect_same_bits({.ceiling = kNoRelu, .residual = true}); }
TEST(FusedGradients, OfResidual) { expect_same_bits({.residual = true}); }
TEST(FusedGradients, OfGroups) { expect_same_bits({.groups = kChannels}); }
TEST(FusedGradients, OfAResultThatOthersUse) { expect_same_bits({.used_twice = true}); }

}  // namespace
}  // namespace tessera
