// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>

#include "core/base/error.h"
#include "core/nn/decoder.h"
#include "core/nn/flat_parameters.h"
#include "core/task/language_modelling.h"
#include "core/text/characters.h"
#include "launcher/generate/generator.h"
#include "launcher/job/job.h"
#include "recipes/language/gpt2/gpt2.h"
#include "recipes/language/llama/llama.h"
#include "recipes/registry.h"
#include "tests/recipes/slopes.h"

namespace tessera {
namespace {

using text::TokenId;

const text::CharacterTokenizer kTokenizer("abcdefghij", "letters");

std::unique_ptr<nn::Module> small_gpt2(double dropout = 0.0) {
  return recipes::make_gpt2({.vocabulary = 10, .context = 12, .layers = 2, .heads = 2, .width = 8, .dropout = dropout});
}
std::unique_ptr<nn::Module> small_llama(bool tied) {
  return recipes::make_llama({.vocabulary = 10, .context = 12, .layers = 2, .heads = 4, .key_heads = 2, .width = 16, .hidden = 24, .tied = tied});
}

data::Batch batch_of(int64_t samples, int64_t tokens) {
  data::Batch batch;
  batch.samples = samples;
  const Tensor inputs = Tensor::empty({samples, tokens}, DType::i64), targets = Tensor::empty({samples, tokens}, DType::i64);
  for (int64_t i = 0; i < inputs.elements(); ++i) {
    inputs.data<int64_t>()[i] = i * i % 10;
    targets.data<int64_t>()[i] = (i + 1) * (i + 1) % 10;
  }
  batch.tensors = {{"inputs", inputs}, {"targets", targets}};
  return batch;
}

int64_t parameters_of_language(const std::string& recipe) {
  const launcher::Job job = launcher::load_job(std::filesystem::path(TESSERA_RECIPE_FOLDER) / recipe, {}, recipes::make_registry());
  int64_t parameters = 0;
  recipes::make_task(job.recipe())->model().for_each_parameter([&](const nn::Parameter& p) { parameters += p.shape.elements(); });
  return parameters;
}

TEST(Language, ParameterCounts) {
  EXPECT_EQ(parameters_of_language("language/gpt2/gpt2_124m.yaml"), 124439808);
  EXPECT_EQ(parameters_of_language("language/gpt2/gpt2_350m.yaml"), 354823168);
  EXPECT_EQ(parameters_of_language("language/gpt2/gpt2_774m.yaml"), 774030080);
  EXPECT_EQ(parameters_of_language("language/gpt2/gpt2_1558m.yaml"), 1557611200);
  EXPECT_EQ(parameters_of_language("language/gpt2/char_gpt_shakespeare.yaml"), 809856);
  EXPECT_EQ(parameters_of_language("language/llama/stories260k.yaml"), 260032);
}

void check_gradients(std::unique_ptr<nn::Module> model) {
  LanguageModelling task(std::move(model));
  const nn::FlatParameters parameters(task.model(), 3);
  nn::ForwardContext context(true, 1, 0, 0);
  Metrics metrics(task.metric_names());
  EXPECT_NEAR(task.train(batch_of(2, 7), context, metrics).loss_sum.value().data<float>()[0] / 14.0f, std::log(10.0), 0.1);
  test::expect_slopes(task, batch_of(2, 7), 14.0);
}

TEST(Language, GradientsAreSlopes) {
  check_gradients(small_gpt2());
  check_gradients(small_llama(true));
  check_gradients(small_llama(false));
}

/// A later token changes no earlier logits.
TEST(Language, NothingIsSeenAhead) {
  for (const bool llama : {false, true}) {
    const auto model = llama ? small_llama(true) : small_gpt2();
    model->name_tree();
    nn::FlatParameters parameters(*model, 5);
    nn::ForwardContext context(false, 1, 0, 0);
    const data::Batch batch = batch_of(1, 9);
    const Tensor ids = batch.at("inputs");
    const Tensor before = (*model)(nn::Variable(ids), context).value();
    ids.data<int64_t>()[5] = (ids.data<int64_t>()[5] + 1) % 10;
    const Tensor after = (*model)(nn::Variable(ids), context).value();
    for (int64_t i = 0; i < 60; ++i) {
      EXPECT_EQ(before.data<float>()[i] == after.data<float>()[i], i < 50) << i;
    }
  }
}

std::string generated(nn::Module& model, const launcher::GenerationPlan& plan, launcher::Generation* result = nullptr) {
  std::string text;
  const auto made = launcher::generate_text(dynamic_cast<nn::Decoder&>(model), kTokenizer, plan, [&](std::string_view part) { text += part; });
  if (result) *result = made;
  return text;
}

TEST(Language, TheCacheChangesNoText) {
  for (const bool llama : {false, true}) {
    const auto model = llama ? small_llama(false) : small_gpt2();
    model->name_tree();
    nn::FlatParameters parameters(*model, 5);
    for (float& value : std::span(parameters.values().data<float>(), static_cast<size_t>(parameters.flat_elements()))) value *= 8.0f;
    for (const double temperature : {0.0, 1.0}) {
      launcher::GenerationPlan plan{.prompt = "abc", .most_tokens = 40, .cache = true, .sampling = {.temperature = temperature}};
      launcher::Generation with, without;
      const std::string text = generated(*model, plan, &with);
      plan.cache = false;
      EXPECT_EQ(generated(*model, plan, &without), text);
      EXPECT_EQ(text.size(), 43u) << "more than three times the context";
      EXPECT_EQ(with.end, launcher::TextEnd::most_tokens);
      EXPECT_EQ(with.tokens, 40);
      EXPECT_EQ(without.tokens, 40);
    }
  }
}

TEST(Language, Prompts) {
  const auto model = small_gpt2();
  model->name_tree();
  nn::FlatParameters parameters(*model, 5);
  const auto refusal = [&](const std::string& prompt) {
    try {
      generated(*model, {.prompt = prompt, .sampling = {}});
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("none");
  };
  EXPECT_NE(refusal("").find("the prompt is empty"), std::string::npos);
  EXPECT_NE(refusal(std::string(13, 'a')).find("the prompt has 13 tokens, but model.context is 12"), std::string::npos);
  EXPECT_EQ(refusal(std::string(12, 'a')), "none");
  EXPECT_NE(refusal("xyz").find("not in the vocabulary"), std::string::npos);
}

TEST(Sampling, DrawsWhatIsAllowed) {
  const std::vector<float> logits = {0.0f, 2.0f, 1.0f, 2.0f, -1.0f};
  EXPECT_EQ(launcher::draw_token(logits, {.temperature = 0.0}, 0), 1);
  std::vector<int> all(5), two(5), most(5);
  for (int64_t place = 0; place < 4000; ++place) {
    ++all[static_cast<size_t>(launcher::draw_token(logits, {}, place))];
    ++two[static_cast<size_t>(launcher::draw_token(logits, {.top_k = 2}, place))];
    ++most[static_cast<size_t>(launcher::draw_token(logits, {.top_p = 0.85}, place))];
    EXPECT_EQ(launcher::draw_token(logits, {.seed = 9}, place), launcher::draw_token(logits, {.seed = 9}, place));
  }
  double sum = 0.0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
  for (size_t id = 0; id < 5; ++id) EXPECT_NEAR(all[id] / 4000.0, std::exp(static_cast<double>(logits[id])) / sum, 0.03);
  EXPECT_EQ(two[0] + two[2] + two[4], 0);
  EXPECT_GT(std::min(two[1], two[3]), 1800);
  EXPECT_EQ(most[0] + most[4], 0);
  EXPECT_GT(most[2], 0);
  EXPECT_THROW(launcher::draw_token(std::vector<float>{0.0f, NAN}, {}, 0), Error);
}

TEST(Language, DropoutDropsInTrainingOnly) {
  const auto model = small_gpt2(0.5);
  model->name_tree();
  nn::FlatParameters parameters(*model, 5);
  const Tensor ids = batch_of(1, 6).at("inputs");
  const auto logits = [&](bool training, int64_t step) {
    nn::ForwardContext context(training, 1, step, 0);
    const Tensor out = (*model)(nn::Variable(ids), context).value();
    return std::vector<float>(out.data<float>(), out.data<float>() + out.elements());
  };
  EXPECT_EQ(logits(false, 0), logits(false, 1));
  EXPECT_EQ(logits(true, 0), logits(true, 0));
  EXPECT_NE(logits(true, 0), logits(true, 1));
}

std::string sizes_refused(const std::vector<std::string>& overrides) {
  try {
    const launcher::Job job =
        launcher::load_job(std::filesystem::path(TESSERA_RECIPE_FOLDER) / "language/llama/stories260k.yaml", overrides, recipes::make_registry());
    recipes::make_task(job.recipe());
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.what();
  }
  return "none";
}

TEST(Language, SizesMustFit) {
  EXPECT_EQ(sizes_refused({}), "none");
  EXPECT_NE(sizes_refused({"model.heads=7"}).find("7 heads do not divide a width of 64"), std::string::npos);
  EXPECT_NE(sizes_refused({"model.key_heads=3"}).find("3 heads of keys do not divide 8 heads"), std::string::npos);
  EXPECT_NE(sizes_refused({"model={heads: 64, key_heads: 1}"}).find("pairs"), std::string::npos);
}

}  // namespace
}  // namespace tessera
