// SPDX-License-Identifier: Apache-2.0
// What ops do for each other while memory is near leaves every bit as it is.
#include <gtest/gtest.h>

#include <functional>

#include "core/kernels/kernels.h"
#include "core/ops/arithmetic.h"
#include "core/ops/convolution.h"
#include "core/ops/normalisation.h"
#include "core/ops/view.h"
#include "tests/core/ops/results.h"

namespace tessera {
namespace {

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
  bool used_later = false;  ///< batch norm's result
  bool block = false;       ///< batch norm's result is the input of a residual block
};

constexpr int64_t kChannels = 16;

/// conv - batch norm - conv, whose gradients a test looks at, the residual from before the first; images so large that results and gradients come in parts.
Variable chain(const std::vector<Variable>& in, const Options& options, const Between& between) {
  const auto packed = [] { return std::make_shared<PackedWeight>(); };
  const ops::BatchStatistics statistics{Tensor::empty({kChannels}), Tensor::empty({kChannels})};
  const ops::ConvolutionOptions window{.padding = 1, .groups = options.groups};
  const Variable h = ops::conv2d(in[0], in[1], options.bias ? in[2] : Variable(), window, packed());
  const Variable normalised = ops::batch_norm(between(h), in[3], in[4], options.residual ? in[0] : Variable(), {1e-5, options.ceiling}, statistics);
  const Variable y = ops::conv2d(between(normalised), in[5], Variable(), {}, packed());
  if (options.block) {
    const Variable last = ops::conv2d(between(y), in[5], Variable(), {}, packed());
    return ops::batch_norm(between(last), in[3], in[4], normalised, {1e-5, options.ceiling}, statistics);
  }
  if (options.used_later) return ops::add(y, normalised);
  return options.used_twice ? ops::add(y, h) : y;
}

void expect_same_bits(const Options& options) {
  const std::vector<Shape> inputs = {{5, kChannels, 97, 101}, {kChannels, kChannels / options.groups, 3, 3}, {kChannels}, {kChannels}, {kChannels}, {kChannels, kChannels, 1, 1}};
  const auto results = [&](const Between& between) { return test::results(inputs, [&](const std::vector<Variable>& in) { return chain(in, options, between); }); };
  set_kernel_threads(1);  // several take all images at once
  test::expect_same_bits(results(identity), results(nothing), "together");
}

TEST(FusedGradients, OfConvolutionAndBatchNorm) { expect_same_bits({}); }
TEST(FusedGradients, OfBias) { expect_same_bits({.bias = true}); }
TEST(FusedGradients, OfRelu6) { expect_same_bits({.ceiling = kRelu6Ceiling}); }
TEST(FusedGradients, WithoutRelu) { expect_same_bits({.ceiling = kNoRelu, .residual = true}); }
TEST(FusedGradients, OfResidual) { expect_same_bits({.residual = true}); }
TEST(FusedGradients, OfGroups) { expect_same_bits({.groups = kChannels}); }
TEST(FusedGradients, OfAResultThatOthersUse) { expect_same_bits({.used_twice = true}); }
TEST(FusedGradients, OfAResultThatALaterResidualIs) { expect_same_bits({.used_later = true}); }

TEST(FusedGradients, OfABlocksInput) { expect_same_bits({.block = true}); }
TEST(FusedGradients, OfABlocksInputThatIsABlocksResult) { expect_same_bits({.residual = true, .block = true}); }

TEST(FusedGradients, ComeInPartsOfEqualSizeWhereTheBatchDivides) {
  ConvolutionGeometry g{};
  g.groups = 1;
  g.in_channels = g.out_channels = kChannels, g.kernel_height = g.kernel_width = 3;
  g.in_height = g.out_height = 97, g.in_width = g.out_width = 101;
  set_kernel_threads(1);
  const auto images_at_once = kernels_for(Device::cpu).convolution.images_at_once;
  g.batch = 5;
  EXPECT_EQ(images_at_once(g), 3);  // what the other tests rely on: more than one part
  g.batch = 8;
  EXPECT_EQ(images_at_once(g), 2);
  g.in_channels = g.out_channels = 1024;  // more weights than an image has gradients
  EXPECT_EQ(images_at_once(g), 2);
}

}  // namespace
}  // namespace tessera
