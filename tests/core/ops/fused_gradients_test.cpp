// SPDX-License-Identifier: Apache-2.0
// What ops do for each other while memory is near leaves every bit as it is.
#include <gtest/gtest.h>
#include <omp.h>

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
  bool used_later = false;  ///< batch norm's result, as a residual block's input is
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
  if (options.used_later) return ops::add(y, normalised);
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

class FusedGradients : public ::testing::Test {
 protected:
  FusedGradients() : threads_(omp_get_max_threads()) { omp_set_num_threads(1); }  // several take all images at once
  ~FusedGradients() override { omp_set_num_threads(threads_); }

 private:
  int threads_;
};

void expect_same_bits(const Options& options) {
  const std::vector<Tensor> together = gradients(options, nothing), apart = gradients(options, identity);
  for (size_t i = 0; i < together.size(); ++i) {
    EXPECT_EQ(std::memcmp(together[i].bytes(), apart[i].bytes(), together[i].size_bytes()), 0) << "gradient " << i;
  }
}

TEST_F(FusedGradients, OfConvolutionAndBatchNorm) { expect_same_bits({}); }
TEST_F(FusedGradients, OfBias) { expect_same_bits({.bias = true}); }
TEST_F(FusedGradients, OfRelu6) { expect_same_bits({.ceiling = kRelu6Ceiling}); }
TEST_F(FusedGradients, WithoutRelu) { expect_same_bits({.ceiling = kNoRelu, .residual = true}); }
TEST_F(FusedGradients, OfResidual) { expect_same_bits({.residual = true}); }
TEST_F(FusedGradients, OfGroups) { expect_same_bits({.groups = kChannels}); }
TEST_F(FusedGradients, OfAResultThatOthersUse) { expect_same_bits({.used_twice = true}); }
TEST_F(FusedGradients, OfAResultThatALaterResidualIs) { expect_same_bits({.used_later = true}); }

TEST_F(FusedGradients, ComeInPartsOfEqualSizeWhereTheBatchDivides) {
  ConvolutionGeometry g{};
  g.groups = 1;
  g.in_channels = g.out_channels = kChannels, g.kernel_height = g.kernel_width = 3;
  g.in_height = g.out_height = 97, g.in_width = g.out_width = 101;
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
