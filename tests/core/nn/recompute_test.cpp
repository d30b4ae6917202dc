// SPDX-License-Identifier: Apache-2.0
// A block whose inner results are computed anew gives the bits of one that keeps them, and holds less.
#include "core/nn/recompute.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "core/autograd/engine.h"
#include "core/nn/flat_parameters.h"
#include "core/nn/layers.h"
#include "core/ops/reduction.h"
#include "core/tensor/allocator.h"
#include "tests/core/ops/support.h"

namespace tessera::nn {
namespace {

/// x + dropout(relu(bn(conv(x)))), some times over.
class Block final : public Module {
 public:
  explicit Block(int64_t channels)
      : conv_(add("conv", std::make_unique<Conv2d>(Conv2dOptions{.in_channels = channels, .out_channels = channels, .kernel = 3, .padding = 1}))),
        bn_(add("bn", std::make_unique<BatchNorm>(channels))),
        last_(add("last", std::make_unique<BatchNorm>(channels))),
        dropout_(add("dropout", std::make_unique<Dropout>(0.3))) {
    mark_block();
  }
  std::string kind() const override { return "Block"; }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override {
    const Variable h = dropout_(bn_.with_relu(conv_(x, context), {}, context), context);
    return last_.with_relu(dropout_(h, context), x, context);
  }

  Conv2d& conv_;
  BatchNorm &bn_, &last_;
  Dropout& dropout_;
};

class Tower final : public Module {
 public:
  Tower() {
    stem_ = &add("stem", std::make_unique<Conv2d>(Conv2dOptions{.in_channels = 3, .out_channels = 8, .kernel = 3, .padding = 1}));
    for (int i = 0; i < 6; ++i) blocks_.push_back(&add("block" + std::to_string(i), std::make_unique<Block>(8)));
  }
  std::string kind() const override { return "Tower"; }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override {
    Variable h = (*stem_)(x, context);
    for (Block* block : blocks_) h = (*block)(h, context);
    return (*blocks_[0])(h, context);  // a block used twice
  }

  Conv2d* stem_;
  std::vector<Block*> blocks_;
};

struct Outcome {
  std::vector<float> gradients;  ///< of parameters, and samples of statistics
  size_t held_bytes;             ///< between forward and backward
};

size_t live_bytes() {
  size_t bytes = 0;
  for (size_t part : memory_use().live_bytes) bytes += part;
  return bytes;
}

Outcome run(bool recomputes, bool input_wants_gradient) {
  Tower model;
  model.name_tree();
  FlatParameters parameters(model, 7);
  const Tensor images = test::random_tensor({2, 3, 16, 16}, 5), dimages = Tensor::zeros(images.shape());
  const auto input = std::make_shared<autograd::Leaf>(1000, dimages);
  const size_t before = live_bytes();
  ForwardContext context(true, 1, 2, 3);
  if (recomputes) context.recompute_blocks();
  const Variable loss = ops::sum(model(Variable(images, input_wants_gradient ? input : nullptr), context));
  Outcome outcome{{}, live_bytes() - before};
  parameters.statistics_ready();
  autograd::Engine().backward(loss, parameters.leaves());
  const Tensor& all = parameters.gradients();
  outcome.gradients.assign(all.data<float>(), all.data<float>() + all.elements());
  outcome.gradients.insert(outcome.gradients.end(), dimages.data<float>(), dimages.data<float>() + dimages.elements());
  return outcome;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST(Recompute, ChangesNoBitAndHoldsLess) {
  for (bool input_wants_gradient : {false, true}) {
    const Outcome kept = run(false, input_wants_gradient), anew = run(true, input_wants_gradient);
    EXPECT_TRUE(same_bits(kept.gradients, anew.gradients));
    EXPECT_LT(2 * anew.held_bytes, kept.held_bytes);
  }
}

/// Notes which parameters are complete, in order.
class Order final : public autograd::GradientHook {
 public:
  void gradient_ready(size_t parameter_index) override { ready.push_back(parameter_index); }
  std::vector<size_t> ready;
};

TEST(Recompute, EveryGradientIsReadyOnce) {
  Tower model;
  model.name_tree();
  FlatParameters parameters(model, 7);
  Order order;
  for (const auto& leaf : parameters.leaves()) leaf->set_hook(&order);
  ForwardContext context(true, 1, 2, 3);
  context.recompute_blocks();
  autograd::Engine().backward(ops::sum(model(Variable(test::random_tensor({1, 3, 8, 8}, 5)), context)), parameters.leaves());
  const std::vector<size_t> in_order = order.ready;
  std::sort(order.ready.begin(), order.ready.end());
  EXPECT_EQ(std::adjacent_find(order.ready.begin(), order.ready.end()), order.ready.end());
  EXPECT_EQ(order.ready.size(), parameters.leaves().size());
  EXPECT_LT(in_order.back(), in_order.front());  // the last block's come first
}

TEST(Recompute, EvaluationRunsBlocksAsTheyAre) {
  Tower model;
  model.name_tree();
  const FlatParameters parameters(model, 7);
  const Variable images(test::random_tensor({1, 3, 8, 8}, 5));
  const autograd::NoGrad no_grad;
  ForwardContext plain(false, 1, 2, 3), asked(false, 1, 2, 3);
  asked.recompute_blocks();
  const Tensor a = contiguous(model(images, plain).value()), b = contiguous(model(images, asked).value());
  EXPECT_EQ(std::memcmp(a.bytes(), b.bytes(), a.size_bytes()), 0);
}

}  // namespace
}  // namespace tessera::nn
