// SPDX-License-Identifier: Apache-2.0
#include "core/optim/update_plan.h"

#include <gtest/gtest.h>

#include <memory>

#include "core/base/error.h"
#include "core/config/yaml.h"
#include "core/exact/gradient_norm.h"
#include "core/nn/layers.h"
#include "core/optim/average.h"
#include "core/optim/optimizer.h"
#include "tests/core/nn/chain.h"

namespace tessera::optim {
namespace {

/// a.weight [3, 5] at 0, a.bias [3] at 16, b.weight [2, 3] at 32, b.bias [2] at 48; 64 elements in all.
class UpdatePlanTest : public testing::Test {
 protected:
  UpdatePlanTest() {
    chain_.add_linear("a", 5, 3);
    chain_.add_linear("b", 3, 2);
    chain_.name_tree();
    parameters_ = std::make_unique<nn::FlatParameters>(chain_, 1);
  }
  std::string error_of(const GroupRules& rules) const {
    try {
      UpdatePlan(*parameters_, rules, 0.1);
      return "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      return error.what();
    }
  }

  nn::Chain chain_;
  std::unique_ptr<nn::FlatParameters> parameters_;
};

void expect_range(const UpdateRange& range, int64_t begin, int64_t end, float rate, float decay) {
  EXPECT_EQ(range.begin, begin);
  EXPECT_EQ(range.end, end);
  EXPECT_EQ(range.learning_rate, rate);
  EXPECT_EQ(range.weight_decay, decay);
}

TEST_F(UpdatePlanTest, EqualSettingsAreOneRange) {
  UpdatePlan plan(*parameters_, {}, 0.1);
  ASSERT_EQ(plan.at(0.5).size(), 1u);
  expect_range(plan.at(0.5)[0], 0, 64, 0.5f, 0.1f);
  UpdatePlan grouped(*parameters_, {{{"a.*", 0.1, 1.0, false}, {"*", std::nullopt, 1.0, false}}, false}, 0.1);
  EXPECT_EQ(grouped.at(0.5).size(), 1u);
}

TEST_F(UpdatePlanTest, NormsAndBiasesAreThoseOfOneDim) {
  UpdatePlan plan(*parameters_, {{}, true}, 0.1);
  ASSERT_EQ(plan.at(0.5).size(), 4u);
  expect_range(plan.at(0.5)[0], 0, 16, 0.5f, 0.1f);
  expect_range(plan.at(0.5)[1], 16, 32, 0.5f, 0.0f);
  expect_range(plan.at(0.5)[3], 48, 64, 0.5f, 0.0f);
}

TEST_F(UpdatePlanTest, TheFirstMatchCountsAndAGroupsDecayGoesBeforeTheConvenience) {
  const GroupRules rules{{{"a.b*", 0.7, 0.5, false}, {"?.[bw]*", std::nullopt, 3.0, false}}, true};
  UpdatePlan plan(*parameters_, rules, 0.1, Grain::tensor);
  const auto ranges = plan.at(1.0);
  ASSERT_EQ(ranges.size(), 4u);
  expect_range(ranges[0], 0, 15, 3.0f, 0.1f);
  expect_range(ranges[1], 16, 19, 0.5f, 0.7f);
  expect_range(ranges[2], 32, 38, 3.0f, 0.1f);
  expect_range(ranges[3], 48, 50, 3.0f, 0.0f);
}

TEST_F(UpdatePlanTest, FrozenTensorsAreInNoRange) {
  UpdatePlan plan(*parameters_, {{{"a.bias", std::nullopt, 1.0, true}}, false}, 0.1);
  ASSERT_EQ(plan.at(0.5).size(), 2u);
  expect_range(plan.at(0.5)[0], 0, 16, 0.5f, 0.1f);
  expect_range(plan.at(0.5)[1], 32, 64, 0.5f, 0.1f);
  EXPECT_EQ(plan.frozen(), (std::vector<bool>{false, true, false, false}));
  UpdatePlan tensors(*parameters_, {{{"a.*", std::nullopt, 1.0, true}}, false}, 0.1, Grain::tensor);
  ASSERT_EQ(tensors.at(1.0).size(), 2u);
  EXPECT_EQ(tensors.slot_of(0), 2u);
  UpdatePlan all(*parameters_, {{{"*", std::nullopt, 1.0, true}}, false}, 0.1);
  EXPECT_TRUE(all.at(1.0).empty());
}

TEST(UpdatePlan, StatisticsAreFixedWhereAGroupSaysSo) {
  nn::BatchNorm norm(3);
  norm.name_tree("bn");
  const nn::FlatParameters parameters(norm, 1);
  const auto fixed_by = [&](const config::ParameterGroup& group) { return UpdatePlan(parameters, {{group}, false}, 0.1).fixed(); };
  EXPECT_EQ(fixed_by({.match = "bn.*", .weight_decay = {}, .frozen = true}), (std::vector<bool>{true, true, false, false}));
  EXPECT_EQ(fixed_by({.match = "bn.*", .weight_decay = {}, .frozen = true, .fixed_statistics = true}), (std::vector<bool>{true, true, true, true}));
  EXPECT_EQ(fixed_by({.match = "*.running_*", .weight_decay = {}, .fixed_statistics = true}), (std::vector<bool>{false, false, true, true}));
  EXPECT_EQ(UpdatePlan(parameters, {}, 0.1).frozen(), (std::vector<bool>{false, false, true, true}));
  EXPECT_THROW(fixed_by({.match = "*.weight", .weight_decay = {}, .fixed_statistics = true}), Error);
  EXPECT_THROW(fixed_by({.match = "*.running_mean", .weight_decay = {}}), Error);
}

TEST_F(UpdatePlanTest, APatternThatMatchesNothingIsNamed) {
  EXPECT_EQ(error_of({{{"*", std::nullopt, 1.0, false}, {"?.bias", std::nullopt, 1.0, false}}, false}), "no error");
  const std::string error = error_of({{{"a.*", std::nullopt, 1.0, false}, {"a.wieght", std::nullopt, 1.0, false}}, false});
  EXPECT_NE(error.find("pattern 'a.wieght' of optimizer.groups[1].match matches no parameter"), std::string::npos) << error;
  EXPECT_NE(error.find("near it: a.weight"), std::string::npos) << error;
  EXPECT_NE(error_of({{{"*.baes", std::nullopt, 1.0, false}}, false}).find("near it: a.bias, b.bias"), std::string::npos);
  EXPECT_NE(error_of({{{"*.bn*", std::nullopt, 1.0, false}}, false}).find("'*.bn*'"), std::string::npos);
  EXPECT_NE(error_of({{{"", std::nullopt, 1.0, false}}, false}).find("matches no parameter"), std::string::npos);
}

TEST_F(UpdatePlanTest, RecipesSayItInYaml) {
  config::OptimizerBlock block;
  config::read(config::parse_yaml("{kind: sgd, learning_rate: 0.1, groups: [{match: 'b.*', frozen: true}]}", "x.yaml"), block, "optimizer",
               config::Unknown::ignore);
  block.node = config::parse_yaml("{kind: sgd, momentum: 0.9}", "x.yaml");
  EXPECT_EQ(make_optimizer(block, *parameters_)->frozen(), (std::vector<bool>{false, false, true, true}));
  block.groups[0].match = "c.*";
  EXPECT_THROW(make_optimizer(block, *parameters_), Error);
}

TEST_F(UpdatePlanTest, EveryKindIsMade) {
  config::KindRegistry registry;
  register_optimizers(registry);
  EXPECT_EQ(registry.list("optimizer").size(), 6u);
  for (const auto* kind : registry.list("optimizer")) {
    config::OptimizerBlock block;
    block.kind = kind->name;
    const auto optimizer = make_optimizer(block, *parameters_);
    EXPECT_NO_THROW(optimizer->update(*parameters_, 1, 0.1, 1.0)) << kind->name;
    EXPECT_EQ(static_cast<int64_t>(optimizer->state().size()), state_buffers(block)) << kind->name;
  }
}

TEST_F(UpdatePlanTest, StateBuffersAreThoseThatAreMade) {
  for (const char* text : {"{kind: sgd, momentum: 0.9}", "{kind: rmsprop, momentum: 0.9}", "{kind: rmsprop, centered: true}",
                           "{kind: rmsprop, momentum: 0.9, centered: true}"}) {
    config::OptimizerBlock block;
    block.node = config::parse_yaml(text, "x.yaml");
    block.kind = block.node.find("kind")->text();
    EXPECT_EQ(static_cast<int64_t>(make_optimizer(block, *parameters_)->state().size()), state_buffers(block)) << text;
  }
}

TEST_F(UpdatePlanTest, TheAverageFollowsTheWeights) {
  WeightAverage average(*parameters_, 0.75);
  const float start = parameters_->values().data<float>()[0];
  const std::vector<nn::FlatRange> whole = {parameters_->whole()};
  average.follow(*parameters_, 1, whole);
  EXPECT_EQ(average.flat().data<float>()[0], start);
  parameters_->values().data<float>()[0] = start + 1.0f;
  average.follow(*parameters_, 2, whole);
  EXPECT_NEAR(average.flat().data<float>()[0], start + 0.25f, 1e-6f);
  average.follow(*parameters_, 3, whole);
  EXPECT_NEAR(average.flat().data<float>()[0], start + 0.4375f, 1e-6f);
  EXPECT_EQ(average.flat().data<float>()[1], parameters_->values().data<float>()[1]);
}

TEST_F(UpdatePlanTest, RestrictedToRangesItLeavesOutTheRest) {
  UpdatePlan plan(*parameters_, {{}, true}, 0.1);
  const std::vector<nn::FlatRange> ranges = {{0, 5}, {8, 20}, {40, 40}, {48, 64}};
  plan.restrict_to(ranges);
  ASSERT_EQ(plan.at(0.5).size(), 4u);
  expect_range(plan.at(0.5)[0], 0, 5, 0.5f, 0.1f);
  expect_range(plan.at(0.5)[1], 8, 16, 0.5f, 0.1f);
  expect_range(plan.at(0.5)[2], 16, 20, 0.5f, 0.0f);
  expect_range(plan.at(0.5)[3], 48, 64, 0.5f, 0.0f);
}

TEST_F(UpdatePlanTest, RanksThatUpdatePartsHaveTogetherUpdatedEverything) {
  for (const char* text : {"{kind: sgd, momentum: 0.9}", "{kind: adamw}", "{kind: rmsprop, momentum: 0.9, centered: true}"}) {
    config::OptimizerBlock block;
    block.node = config::parse_yaml(text, "x.yaml");
    block.kind = block.node.find("kind")->text();
    const auto updated = [&](const std::vector<std::vector<nn::FlatRange>>& parts) {
      nn::FlatParameters& parameters = *parameters_;
      for (int64_t i = 0; i < 64; ++i) parameters.values().data<float>()[i] = 0.1f * static_cast<float>(i % 11);
      for (int64_t i = 0; i < 64; ++i) parameters.gradients().data<float>()[i] = 0.01f * static_cast<float>(i * i % 37 - 18);
      for (const auto& ranges : parts) {
        const auto optimizer = make_optimizer(block, parameters);
        optimizer->restrict_to(ranges);
        for (int64_t update = 1; update <= 3; ++update) optimizer->update(parameters, update, 0.1, 0.5);
      }
      const float* values = parameters.values().data<float>();
      return std::vector<float>(values, values + 64);
    };
    EXPECT_EQ(updated({{{0, 64}}}), updated({{{0, 7}, {33, 40}}, {{7, 33}}, {{40, 64}}})) << text;
  }
}

TEST_F(UpdatePlanTest, TheAverageFollowsWhereItIsTold) {
  WeightAverage average(*parameters_, 0.75);
  const std::vector<nn::FlatRange> ranges = {{1, 2}, {4, 6}};
  average.follow(*parameters_, 1, ranges);
  const float *followed = average.flat().data<float>(), *values = parameters_->values().data<float>();
  for (const int64_t i : {1, 4, 5}) EXPECT_EQ(followed[i], values[i]);
  for (const int64_t i : {0, 2, 3, 6}) EXPECT_EQ(followed[i], 0.0f);
}

TEST_F(UpdatePlanTest, KeysOfSgdThatDoNotGoTogether) {
  EXPECT_THROW(make_sgd({.momentum = 0.9, .nesterov = true, .dampening = 0.1}, *parameters_), Error);
  EXPECT_THROW(make_sgd({.dampening = 0.1}, *parameters_), Error);
  EXPECT_NO_THROW(make_sgd({.momentum = 0.9, .dampening = 0.1}, *parameters_));
}

TEST_F(UpdatePlanTest, FrozenGradientsAreNoPartOfTheNorm) {
  float* gradients = parameters_->gradients().data<float>();
  for (int i = 0; i < 3; ++i) gradients[16 + i] = 2.0f;
  gradients[48] = 3.0f;
  EXPECT_EQ(squared_gradient_norm(*parameters_), 21.0);
  EXPECT_EQ(squared_gradient_norm(*parameters_, {false, true, false, false}), 9.0);
}

}  // namespace
}  // namespace tessera::optim
