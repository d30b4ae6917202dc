// SPDX-License-Identifier: Apache-2.0
#include "core/nn/module.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/nn/flat_parameters.h"
#include "core/nn/embedding.h"
#include "core/nn/layers.h"
#include "core/nn/normalisation.h"
#include "tests/core/nn/chain.h"

namespace tessera::nn {
namespace {

std::vector<float> copy_of(const Variable& x) { return {x.value().data<float>(), x.value().data<float>() + x.value().elements()}; }

Variable ones(const Shape& shape) {
  const Tensor tensor = Tensor::empty(shape);
  std::fill_n(tensor.data<float>(), tensor.elements(), 1.0f);
  return Variable(tensor);
}

TEST(Module, TreesAreNamedAndVisitedDepthFirst) {
  Chain root;
  auto& block = root.append("block", std::make_unique<Chain>());
  block.add_linear("inner", 3, 2);
  root.add_linear("head", 2, 4);
  root.name_tree();
  std::vector<std::string> modules, parameters;
  root.for_each_module([&](Module& module) { modules.push_back(module.path()); });
  root.for_each_parameter([&](Parameter& parameter) { parameters.push_back(parameter.name); });
  EXPECT_EQ(modules, (std::vector<std::string>{"", "block", "block.inner", "head"}));
  EXPECT_EQ(parameters, (std::vector<std::string>{"block.inner.weight", "block.inner.bias", "head.weight", "head.bias"}));
}

TEST(Module, ConvolutionAndLinearStartAsInPyTorch) {
  const Conv2d convolution({.in_channels = 6, .out_channels = 16, .kernel = 5});
  const Linear linear(400, 120);
  ASSERT_EQ(convolution.own_parameters().size(), 2u);
  EXPECT_EQ(convolution.own_parameters()[0]->shape, (Shape{16, 6, 5, 5}));
  EXPECT_EQ(convolution.own_parameters()[1]->shape, (Shape{16}));
  for (const auto& parameter : convolution.own_parameters()) EXPECT_FLOAT_EQ(parameter->initialiser.spread, 1.0f / std::sqrt(150.0f));
  EXPECT_EQ(linear.own_parameters()[0]->shape, (Shape{120, 400}));
  for (const auto& parameter : linear.own_parameters()) EXPECT_FLOAT_EQ(parameter->initialiser.spread, 0.05f);
}

TEST(Module, TransposedConvolutionHasPyTorchsShapesAndKeepsItsPackedWeight) {
  ConvTranspose2d layer({.in_channels = 8, .out_channels = 6, .kernel = {3, 4}, .stride = 2, .padding = 1, .output_padding = {1, 0}, .groups = 2});
  const FlatParameters parameters(layer, 1);
  ASSERT_EQ(layer.own_parameters().size(), 2u);
  EXPECT_EQ(layer.own_parameters()[0]->shape, (Shape{8, 3, 3, 4}));
  EXPECT_EQ(layer.own_parameters()[1]->shape, (Shape{6}));
  EXPECT_FLOAT_EQ(layer.own_parameters()[0]->initialiser.spread, 1.0f / 6.0f);
  ForwardContext context(true, 1, 0, 0);
  const Variable before = layer(ones({2, 8, 5, 7}), context);
  EXPECT_EQ(before.shape(), (Shape{2, 6, 10, 14}));
  EXPECT_EQ(copy_of(before), copy_of(layer(ones({2, 8, 5, 7}), context)));
  std::fill_n(parameters.values().data<float>(), parameters.values().elements(), 0.0f);
  parameters.values().storage()->bump_version();
  for (float value : copy_of(layer(ones({2, 8, 5, 7}), context))) ASSERT_EQ(value, 0.0f);
}

TEST(Module, DiagnosisNamesTheFirstModuleThatIsNotFinite) {
  Chain root;
  root.add_linear("fine", 2, 2);
  root.add_linear("broken", 2, 2);
  root.add_linear("after", 2, 2);
  root.name_tree();
  const FlatParameters parameters(root, 1);
  parameters.values().data<float>()[parameters.slots()[2].offset_elements] = std::numeric_limits<float>::infinity();
  ForwardContext calm(true, 1, 12, 3);
  EXPECT_NO_THROW(root(ones({1, 2}), calm));
  ForwardContext checking(true, 1, 12, 3);
  checking.check_outputs();
  try {
    root(ones({1, 2}), checking);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("'broken'"), std::string::npos) << text;
    EXPECT_NE(text.find("step 12, quantum 3"), std::string::npos) << text;
  }
}

TEST(Module, ActivationsHaveNames) {
  EXPECT_EQ(activation_from("relu"), Activation::relu);
  EXPECT_EQ(activation_from("tanh"), Activation::tanh);
  EXPECT_EQ(activation_from("sigmoid"), Activation::sigmoid);
  for (size_t i = 0; i < activation_names().size(); ++i) EXPECT_EQ(activation_from(activation_names()[i]), static_cast<Activation>(i));
  EXPECT_EQ(activation_from("softplus"), Activation::softplus);
  EXPECT_THROW(activation_from("gelo"), Error);
}

TEST(Module, NormalisationsStartAsTheIdentityOfNormalisedNumbers) {
  LayerNorm layer({2, 3});
  GroupNorm group(2, 6), instance(6, 6, 1e-5, false);
  ASSERT_EQ(layer.own_parameters().size(), 2u);
  EXPECT_EQ(layer.own_parameters()[0]->name, "weight");
  EXPECT_EQ(layer.own_parameters()[1]->name, "bias");
  EXPECT_EQ(layer.own_parameters()[0]->shape, (Shape{2, 3}));
  EXPECT_EQ(LayerNorm({4}, 1e-5, false).own_parameters().size(), 1u);
  EXPECT_EQ(group.own_parameters()[1]->shape, (Shape{6}));
  EXPECT_TRUE(instance.own_parameters().empty());
  EXPECT_THROW(GroupNorm(4, 6), Error);
  const FlatParameters parameters(layer, 1);
  Tensor x = Tensor::empty({2, 2, 3});
  for (int64_t i = 0; i < 12; ++i) x.data<float>()[i] = i % 2 == 0 ? -1.0f : 1.0f;
  ForwardContext context(true, 1, 0, 0);
  const std::vector<float> y = copy_of(layer(Variable(x), context));
  for (size_t i = 0; i < 12; ++i) EXPECT_NEAR(y[i], x.data<float>()[i], 1e-5f);
}

TEST(Module, EmbeddingStartsNormalButForItsPadding) {
  Embedding embedding(100, 50, 7);
  const FlatParameters parameters(embedding, 1);
  const Tensor& table = embedding.own_parameters()[0]->value;
  double squares = 0.0;
  for (int64_t i = 0; i < table.elements(); ++i) squares += static_cast<double>(table.data<float>()[i] * table.data<float>()[i]);
  EXPECT_NEAR(squares / 4950.0, 1.0, 0.1);
  for (int64_t i = 0; i < 50; ++i) EXPECT_EQ(table.data<float>()[7 * 50 + i], 0.0f);
  EXPECT_NE(table.data<float>()[7 * 50 - 1], 0.0f);
  EXPECT_NE(table.data<float>()[8 * 50], 0.0f);
  EXPECT_THROW(Embedding(5, 2, 5), Error);
}

std::string error_of(Module& module, const Variable& x) {
  ForwardContext context(true, 1, 0, 0);
  try {
    module(x, context);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Module, ErrorsNameTheInnermostModule) {
  Chain root;
  auto& block = root.append("block", std::make_unique<Chain>());
  block.add_linear("first", 3, 2);
  block.append("norm", std::make_unique<LayerNorm>(Shape{5}));
  root.name_tree();
  const FlatParameters parameters(root, 1);
  EXPECT_EQ(error_of(root, ones({1, 4})), "module 'block.first' (Linear): linear: input features and weight do not fit: [1, 4] and [2, 3]");
  EXPECT_EQ(error_of(root, ones({1, 3})),
            "module 'block.norm' (LayerNorm): layer_norm: the input does not end in the normalised shape: [1, 2] and [5]");
  Chain texts;
  texts.append("words", std::make_unique<Embedding>(10, 4));
  texts.name_tree();
  const FlatParameters more(texts, 1);
  const std::vector<int64_t> ids = {3, 12};
  EXPECT_EQ(error_of(texts, Variable(Tensor::of<int64_t>(ids, {2}))),
            "module 'words' (Embedding): embedding: id 12 at place 1 of [2] is outside 0..9, the rows of the table [10, 4]; the model needs as many rows as "
            "the data has ids");
}

class DropoutTest : public testing::Test {
 protected:
  DropoutTest()
      : first_(chain_.append("first", std::make_unique<Dropout>(0.25))), second_(chain_.append("second", std::make_unique<Dropout>(0.25))) {
    chain_.name_tree();
  }

  std::vector<float> draw(Module& module, uint64_t seed, int64_t step, int64_t quantum) {
    ForwardContext context(true, seed, step, quantum);
    return copy_of(module(ones({64, 100}), context));
  }

  Chain chain_;
  Dropout &first_, &second_;
};

TEST_F(DropoutTest, DropsItsShareAndScalesTheRest) {
  const std::vector<float> values = draw(first_, 1, 0, 0);
  const auto dropped = std::count(values.begin(), values.end(), 0.0f);
  EXPECT_NEAR(static_cast<double>(dropped) / 6400.0, 0.25, 0.025);
  for (const float value : values) EXPECT_TRUE(value == 0.0f || value == 1.0f / 0.75f) << value;
}

TEST_F(DropoutTest, DoesNothingInEvaluation) {
  ForwardContext context(false, 1, 0, 0);
  EXPECT_EQ(copy_of(chain_(ones({64, 100}), context)), copy_of(ones({64, 100})));
}

TEST_F(DropoutTest, DrawsAreAFunctionOfTheirPlaceInTheRecipeAndTheData) {
  const std::vector<float> values = draw(first_, 1, 4, 2);
  EXPECT_EQ(draw(first_, 1, 4, 2), values);
  EXPECT_NE(draw(first_, 2, 4, 2), values);
  EXPECT_NE(draw(first_, 1, 5, 2), values);
  EXPECT_NE(draw(first_, 1, 4, 3), values);
  EXPECT_NE(draw(second_, 1, 4, 2), values);
}

TEST_F(DropoutTest, AModuleUsedTwiceDrawsOtherNumbers) {
  ForwardContext context(true, 1, 0, 0);
  const std::vector<float> once = copy_of(first_(ones({64, 100}), context));
  const std::vector<float> twice = copy_of(first_(ones({64, 100}), context));
  EXPECT_NE(once, twice);
  EXPECT_EQ(once, draw(first_, 1, 0, 0));
}

}  // namespace
}  // namespace tessera::nn
