// SPDX-License-Identifier: Apache-2.0
#include "core/nn/flat_parameters.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>

#include "core/autograd/engine.h"
#include "core/nn/layers.h"
#include "core/ops/loss.h"
#include "core/optim/optimizer.h"
#include "tests/core/nn/chain.h"

namespace tessera::nn {
namespace {

/// Layers of sizes that are no multiple of anything.
struct Model {
  explicit Model(std::vector<std::string> order = {"first", "second", "third"}) {
    const std::map<std::string, std::pair<int64_t, int64_t>> sizes = {{"first", {7, 5}}, {"second", {5, 11}}, {"third", {11, 3}}};
    for (const std::string& name : order) chain.add_linear(name, sizes.at(name).first, sizes.at(name).second);
    chain.name_tree();
  }
  Chain chain;
};

std::vector<float> copy_of(const Tensor& tensor) { return {tensor.data<float>(), tensor.data<float>() + tensor.elements()}; }

void expect_zero_padding(const FlatParameters& parameters, const Tensor& flat) {
  std::vector<bool> padding(static_cast<size_t>(parameters.flat_elements()), true);
  for (const FlatSlot& slot : parameters.slots()) {
    std::fill_n(padding.begin() + slot.offset_elements, slot.elements, false);
  }
  const std::vector<float> values = copy_of(flat);
  for (size_t i = 0; i < values.size(); ++i) {
    if (!padding[i]) continue;
    EXPECT_EQ(values[i], 0.0f) << "element " << i;
  }
}

void backward(Chain& chain, FlatParameters& parameters) {
  const Tensor inputs = Tensor::empty({4, 7});
  initialise(inputs, Initialiser::normal(1.0f), 5, "inputs");
  const std::vector<int64_t> targets = {0, 2, 1, 2};
  ForwardContext context(true, 1, 0, 0);
  const Variable logits = chain(Variable(inputs), context);
  autograd::Engine().backward(ops::cross_entropy(logits, Tensor::of<int64_t>(targets, {4})), parameters.leaves());
}

TEST(FlatParameters, SlotsLieInOrderOnCacheLinesWithoutOverlap) {
  Model model;
  const FlatParameters parameters(model.chain, 1);
  const std::vector<std::string> names = {"first.weight", "first.bias", "second.weight", "second.bias", "third.weight", "third.bias"};
  const std::vector<int64_t> sizes = {35, 5, 55, 11, 33, 3}, offsets = {0, 48, 64, 128, 144, 192};
  ASSERT_EQ(parameters.slots().size(), names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(parameters.slots()[i].name, names[i]);
    EXPECT_EQ(parameters.slots()[i].elements, sizes[i]);
    EXPECT_EQ(parameters.slots()[i].offset_elements, offsets[i]);
  }
  EXPECT_EQ(parameters.flat_elements(), 208);
  EXPECT_EQ(parameters.parameter_elements(), 142);
  EXPECT_EQ(parameters.values().elements(), 208);
  EXPECT_EQ(parameters.gradients().elements(), 208);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(parameters.values().bytes()) % kAlignmentBytes, 0u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(parameters.gradients().bytes()) % kAlignmentBytes, 0u);
}

TEST(FlatParameters, ParametersAreViews) {
  Model model;
  const FlatParameters parameters(model.chain, 1);
  size_t i = 0;
  model.chain.for_each_parameter([&](Parameter& parameter) {
    const FlatSlot& slot = parameters.slots()[i++];
    EXPECT_EQ(parameter.value.shape(), slot.shape);
    EXPECT_EQ(parameter.value.storage(), parameters.values().storage());
    EXPECT_EQ(parameter.value.data<float>(), parameters.values().data<float>() + slot.offset_elements);
    const Tensor gradient = FlatParameters::view(parameters.gradients(), slot);
    EXPECT_EQ(gradient.shape(), slot.shape);
    EXPECT_EQ(gradient.data<float>(), parameters.gradients().data<float>() + slot.offset_elements);
  });
  EXPECT_EQ(i, parameters.slots().size());
}

TEST(FlatParameters, ValuesDoNotDependOnTheOrderOfConstruction) {
  Model one, other({"third", "first", "second"});
  const FlatParameters first(one.chain, 9), second(other.chain, 9);
  std::map<std::string, std::vector<float>> values;
  for (const FlatSlot& slot : first.slots()) values[slot.name] = copy_of(FlatParameters::view(first.values(), slot));
  EXPECT_NE(first.slots()[0].name, second.slots()[0].name);
  for (const FlatSlot& slot : second.slots())
    EXPECT_EQ(copy_of(FlatParameters::view(second.values(), slot)), values.at(slot.name)) << slot.name;
  Model again;
  EXPECT_NE(copy_of(FlatParameters(again.chain, 10).values()), copy_of(first.values()));
}

TEST(FlatParameters, PaddingStaysZeroThroughTraining) {
  for (const bool adamw : {false, true}) {
    Model model;
    FlatParameters parameters(model.chain, 1);
    expect_zero_padding(parameters, parameters.values());
    const auto optimizer = adamw ? optim::make_adamw({.weight_decay = 0.1}, parameters)
                                 : optim::make_sgd({.momentum = 0.9, .weight_decay = 0.1, .nesterov = true}, parameters);
    const std::vector<float> before = copy_of(parameters.values());
    for (int64_t update = 1; update <= 3; ++update) {
      backward(model.chain, parameters);
      optimizer->update(parameters, update, 0.1, 0.25);
    }
    EXPECT_NE(copy_of(parameters.values()), before);
    expect_zero_padding(parameters, parameters.values());
    expect_zero_padding(parameters, parameters.gradients());
    for (const optim::StateBuffer& buffer : optimizer->state()) expect_zero_padding(parameters, buffer.flat);
  }
}

TEST(FlatParameters, TheHookHearsOfEveryParameterOnce) {
  struct Counter final : autograd::GradientHook {
    void gradient_ready(size_t index) override { ++fired[index]; }
    std::map<size_t, int> fired;
  } counter;
  Model model;
  FlatParameters parameters(model.chain, 1);
  parameters.set_hook(&counter);
  backward(model.chain, parameters);
  EXPECT_EQ(counter.fired, (std::map<size_t, int>{{0, 1}, {1, 1}, {2, 1}, {3, 1}, {4, 1}, {5, 1}}));
  parameters.set_hook(nullptr);
  backward(model.chain, parameters);
  EXPECT_EQ(counter.fired[0], 1);
}

/// Remembers for which parameters it was called.
struct Heard final : autograd::GradientHook {
  void gradient_ready(size_t index) override { fired.push_back(index); }
  std::vector<size_t> fired;
};

TEST(FlatParameters, FixedParametersHaveNoGradientAndTheOthersTheSame) {
  Model free_model, model;
  FlatParameters all(free_model.chain, 1), parameters(model.chain, 1);
  backward(free_model.chain, all);
  parameters.fix({true, true, false, true, false, false});  // second.weight and third are trained
  Heard heard;
  parameters.set_hook(&heard);
  fill_zero(parameters.gradients());
  backward(model.chain, parameters);
  EXPECT_EQ(heard.fired, (std::vector<size_t>{5, 4, 2}));
  for (size_t i = 0; i < parameters.slots().size(); ++i) {
    const FlatSlot& slot = parameters.slots()[i];
    const std::vector<float> expected = parameters.is_fixed(i) ? std::vector<float>(static_cast<size_t>(slot.elements)) : copy_of(FlatParameters::view(all.gradients(), slot));
    EXPECT_EQ(copy_of(FlatParameters::view(parameters.gradients(), slot)), expected) << slot.name;
  }
  parameters.set_hook(nullptr);
}

/// The gradient of a convolution's bias, where its weight is fixed and where not.
std::vector<float> bias_gradient(bool weight_is_fixed) {
  Conv2d convolution({.in_channels = 3, .out_channels = 5, .kernel = 3, .padding = 1});
  convolution.name_tree("conv");
  FlatParameters parameters(convolution, 1);
  parameters.fix({weight_is_fixed, false});
  const Tensor x = Tensor::empty({2, 3, 6, 7});
  initialise(x, Initialiser::normal(1.0f), 3, "x");
  ForwardContext context(true, 1, 0, 0);
  autograd::Engine().backward(ops::squared_error(convolution(Variable(x), context), Tensor::zeros({2, 5, 6, 7})).sum, parameters.leaves());
  return copy_of(FlatParameters::view(parameters.gradients(), parameters.slots()[1]));
}

TEST(FlatParameters, AConvolutionsBiasDoesNotNeedItsWeight) {
  const std::vector<float> alone = bias_gradient(true), together = bias_gradient(false);
  for (size_t i = 0; i < alone.size(); ++i) EXPECT_NEAR(alone[i], together[i], 1e-4f * std::abs(together[i])) << i;
}

TEST(FlatParameters, NothingBelowTheLowestTrainedParameterIsRecorded) {
  Model model;
  FlatParameters parameters(model.chain, 1);
  parameters.fix({true, true, true, true, true, true});
  ForwardContext context(true, 1, 0, 0);
  EXPECT_FALSE(model.chain(Variable(Tensor::zeros({4, 7})), context).needs_grad());
  EXPECT_TRUE(parameters.leaves().empty());
}

std::vector<float> through(BatchNorm& norm, bool training, const Tensor& x) {
  ForwardContext context(training, 1, 0, 0);
  return copy_of(contiguous(norm(Variable(x), context).value()));
}

TEST(FlatParameters, FixedStatisticsStandForTheBatchsAndDoNotMove) {
  const Tensor x = Tensor::empty({6, 3});
  initialise(x, Initialiser::normal(2.0f), 3, "x");
  for (const bool frozen : {true, false}) {
    BatchNorm norm(3);
    norm.name_tree("bn");
    FlatParameters parameters(norm, 1);
    for (int64_t i = 0; i < 3; ++i) {
      FlatParameters::view(parameters.values(), parameters.slots()[2]).data<float>()[i] = 0.5f * static_cast<float>(i);
      FlatParameters::view(parameters.values(), parameters.slots()[3]).data<float>()[i] = 4.0f;
    }
    const std::vector<float> of_the_batch = through(norm, true, x);
    parameters.fix({frozen, frozen, true, true});
    const std::vector<float> evaluated = through(norm, false, x), trained = through(norm, true, x), before = copy_of(parameters.values());
    EXPECT_NE(of_the_batch, evaluated);
    for (size_t i = 0; i < trained.size(); ++i) EXPECT_NEAR(trained[i], evaluated[i], 1e-6f);
    Heard heard;
    parameters.set_hook(&heard);
    parameters.statistics_ready();
    const std::vector<FlatRange> whole = {parameters.whole()};
    parameters.update_statistics(1, whole);
    EXPECT_TRUE(heard.fired.empty());
    EXPECT_EQ(copy_of(parameters.values()), before);
    parameters.set_hook(nullptr);
  }
}

TEST(FlatParameters, StatisticsMoveInRangesAlone) {
  BatchNorm norm(3);
  norm.name_tree("bn");
  FlatParameters parameters(norm, 1);
  const int64_t mean = parameters.slots()[2].offset_elements, variance = parameters.slots()[3].offset_elements;
  for (int64_t i = 0; i < 3; ++i) parameters.gradients().data<float>()[mean + i] = parameters.gradients().data<float>()[variance + i] = 20.0f;
  const std::vector<float> before = copy_of(parameters.values());
  const std::vector<FlatRange> ranges = {{0, mean + 1}, {mean + 2, variance + 1}};
  parameters.update_statistics(2, ranges);
  const std::vector<float> after = copy_of(parameters.values());
  for (size_t i = 0; i < after.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    const bool moves = at == mean || at == mean + 2 || at == variance;
    EXPECT_EQ(after[i] != before[i], moves) << i;
  }
  EXPECT_FLOAT_EQ(after[static_cast<size_t>(mean)], 1.0f);  // a tenth of the way to the mean of two quanta
}

TEST(FlatParameters, BuffersOfTheSameLayoutAreZero) {
  Model model;
  const FlatParameters parameters(model.chain, 1);
  const Tensor sums = parameters.zeros_like(MemoryCategory::gradients, DType::i64);
  EXPECT_EQ(sums.dtype(), DType::i64);
  ASSERT_EQ(sums.elements(), parameters.flat_elements());
  for (int64_t i = 0; i < sums.elements(); ++i) EXPECT_EQ(sums.data<int64_t>()[i], 0);
}

TEST(FlatParameters, ValuesChangedMakesPackedCopiesStale) {
  Model model;
  FlatParameters parameters(model.chain, 1);
  const uint64_t version = parameters.values().storage()->version();
  parameters.values_changed();
  EXPECT_GT(parameters.values().storage()->version(), version);
}

TEST(FlatParameters, AModelWithoutParametersIsEmpty) {
  Chain chain;
  chain.name_tree();
  const FlatParameters parameters(chain, 1);
  EXPECT_EQ(parameters.flat_elements(), 0);
  EXPECT_TRUE(parameters.slots().empty());
}

}  // namespace
}  // namespace tessera::nn
