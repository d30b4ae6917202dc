// SPDX-License-Identifier: Apache-2.0
#include "recipes/language/bert/bert.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/autograd/engine.h"
#include "core/base/error.h"
#include "core/checkpoint/import.h"
#include "core/checkpoint/model_state.h"
#include "core/format/safetensors_writer.h"
#include "core/nn/flat_parameters.h"
#include "core/ops/loss.h"
#include "core/task/masked_language_modelling.h"
#include "launcher/job/job.h"
#include "recipes/registry.h"
#include "tests/recipes/slopes.h"
#include "tests/temporary_folder.h"

namespace tessera {
namespace {

constexpr int64_t kWords = 20;

recipes::BertConfig small_bert(double dropout = 0.0) {
  return {.outputs = 3, .vocabulary = kWords, .context = 12, .layers = 2, .heads = 2, .width = 8, .hidden = 16, .dropout = dropout};
}

Tensor ids_of(const std::vector<int64_t>& ids, const Shape& shape) { return Tensor::of<int64_t>(ids, shape); }

/// Pairs of texts of different lengths; every third token is predicted.
data::Batch pairs(int64_t samples, int64_t tokens = 10, int64_t first = 0) {
  std::vector<int64_t> inputs, types, lengths, targets, next;
  for (int64_t sample = first; sample < first + samples; ++sample) {
    const int64_t length = tokens - 2 * (sample % 3);
    for (int64_t t = 0; t < tokens; ++t) {
      inputs.push_back(t < length ? 1 + (7 * sample + t * t) % (kWords - 1) : 0);
      types.push_back(t >= length / 2 && t < length ? 1 : 0);
      targets.push_back(t < length && t % 3 == 1 ? (3 * sample + t) % kWords : -1);
    }
    lengths.push_back(length);
    next.push_back(sample % 2);
  }
  data::Batch batch;
  batch.samples = samples;
  batch.tensors = {{"inputs", ids_of(inputs, {samples, tokens})}, {"token_types", ids_of(types, {samples, tokens})}, {"lengths", ids_of(lengths, {samples})},
                   {"targets", ids_of(targets, {samples, tokens})}, {"next_sentence", ids_of(next, {samples})}};
  return batch;
}

nn::TextInput input_of(const data::Batch& batch) { return {batch.at("inputs"), batch.at("token_types"), batch.at("lengths")}; }

float number_of(const autograd::Variable& scalar) { return scalar.value().data<float>()[0]; }

/// A pre-training task with weights that matter.
class BertPretraining : public testing::Test {
 protected:
  explicit BertPretraining(double dropout = 0.0) : task_(recipes::make_bert(small_bert(dropout))), parameters_(task_.model(), 3) {
    for (float& value : std::span(parameters_.values().data<float>(), static_cast<size_t>(parameters_.flat_elements()))) value *= 6.0f;
    parameters_.values_changed();
  }

  nn::MaskedLanguageModel& model() { return dynamic_cast<nn::MaskedLanguageModel&>(task_.model()); }
  nn::ForwardContext context(bool training = false) const { return {training, 1, 0, 0}; }

  std::vector<float> gradients(const data::Batch& batch, bool recompute) {
    nn::ForwardContext pass = context(true);
    if (recompute) pass.recompute_blocks();
    Metrics metrics(task_.metric_names());
    autograd::Engine().backward(task_.train(batch, pass, metrics).loss_sum, parameters_.leaves());
    return {parameters_.gradients().data<float>(), parameters_.gradients().data<float>() + parameters_.flat_elements()};
  }

  MaskedLanguageModelling task_;
  nn::FlatParameters parameters_;
};

class BertWithDropout : public BertPretraining {
 protected:
  BertWithDropout() : BertPretraining(0.3) {}
};

int64_t parameters_of_bert(const std::string& recipe, const std::vector<std::string>& overrides = {}) {
  const launcher::Job job = launcher::load_job(std::filesystem::path(TESSERA_RECIPE_FOLDER) / "language/bert" / recipe, overrides, recipes::make_registry());
  int64_t parameters = 0;
  recipes::make_task(job.recipe())->model().for_each_parameter([&](const nn::Parameter& p) { parameters += p.shape.elements(); });
  return parameters;
}

TEST(Bert, ParameterCounts) {
  EXPECT_EQ(parameters_of_bert("bert_base_pretrain.yaml"), 110106428);
  EXPECT_EQ(parameters_of_bert("bert_large_lamb_64k.yaml"), 336226108);
  EXPECT_EQ(parameters_of_bert("bert_large_lamb_32k_512.yaml", {"init.weights=null"}), 336226108);
}

TEST(Bert, GradientsAreSlopes) {
  MaskedLanguageModelling task(recipes::make_bert(small_bert()));
  test::expect_slopes(task, pairs(3), 3.0 + 3.0 + 2.0, 8.0f);
}

TEST_F(BertPretraining, PaddingIsNotSeen) {
  const data::Batch batch = pairs(3);
  nn::ForwardContext pass = context();
  const Tensor before = model().features(input_of(batch), pass).value();
  Tensor ids = batch.at("inputs");
  for (int64_t t = 6; t < 10; ++t) ids.data<int64_t>()[20 + t] = 5;  // sample 2 has 6 tokens
  const Tensor after = model().features(input_of(batch), pass).value();
  for (int64_t i = 0; i < 3 * 10 * 8; ++i) {
    const bool seen = i / 8 < 26;
    EXPECT_TRUE(!seen || before.data<float>()[i] == after.data<float>()[i]) << i;
  }
  ids.data<int64_t>()[25] += 1;
  EXPECT_NE(model().features(input_of(batch), pass).value().data<float>()[20 * 8], before.data<float>()[20 * 8]) << "both directions are seen";
  const nn::TextInput single{ids_of({4, 3, 9, 8, 1, 7}, {1, 6})};
  EXPECT_EQ(model().features(single, pass).shape(), (Shape{1, 6, 8}));
}

/// Of predicted places alone, and of all, as cross_entropy() of all logits says.
TEST_F(BertPretraining, TheMaskedLossIsThatOfAllLogits) {
  data::Batch batch = pairs(4);
  Tensor targets = batch.at("targets");
  for (const bool all : {false, true}) {
    for (int64_t i = 0; all && i < targets.elements(); ++i) targets.data<int64_t>()[i] = i % kWords;
    nn::ForwardContext pass = context();
    const auto features = model().features(input_of(batch), pass);
    const auto logits = model().logits(features, pass);
    const ops::LinearLoss loss = model().loss(features, targets, pass);
    ops::CrossEntropyOptions options;
    options.ignore_index = -1;
    const ops::LossSum expected = ops::cross_entropy(logits, targets, options);
    EXPECT_NEAR(number_of(loss.loss.sum), number_of(expected.sum), 1e-4f);
    EXPECT_EQ(loss.loss.weight, expected.weight);
    EXPECT_EQ(loss.correct, ops::count_correct(logits.value(), targets, -1));
    const Tensor likeliest = model().likeliest(features, targets, pass);
    int64_t correct = 0;
    for (int64_t i = 0; i < targets.elements(); ++i) {
      EXPECT_EQ(likeliest.data<int64_t>()[i] >= 0, targets.data<int64_t>()[i] >= 0);
      correct += targets.data<int64_t>()[i] >= 0 && likeliest.data<int64_t>()[i] == targets.data<int64_t>()[i];
    }
    EXPECT_EQ(correct, loss.correct);
  }
}

TEST_F(BertPretraining, QuantaOfUnequalWeightsSum) {
  const auto run = [&](const data::Batch& batch, Metrics& metrics) {
    nn::ForwardContext pass = context(true);
    const QuantumLoss loss = task_.train(batch, pass, metrics);
    return std::pair<double, double>(number_of(loss.loss_sum), loss.weight);
  };
  Metrics whole(task_.metric_names()), parts(task_.metric_names());
  const auto all = run(pairs(5), whole), first = run(pairs(2), parts), rest = run(pairs(3, 10, 2), parts);
  EXPECT_NE(first.second * 3.0, rest.second * 2.0);
  EXPECT_NEAR(first.first + rest.first, all.first, 1e-4);
  EXPECT_EQ(first.second + rest.second, all.second);
  ASSERT_EQ(whole.names().size(), 6u);
  for (size_t i = 0; i < whole.names().size(); ++i) EXPECT_NEAR(parts.mean(i) / whole.mean(i), 1.0, 1e-5) << whole.names()[i];
  EXPECT_EQ(whole.weight(4), 5.0) << "next sentences are one a sample";
  EXPECT_GT(whole.mean(0), whole.mean(1)) << "the loss is both";
}

TEST_F(BertPretraining, SkippedSamplesWeighNothing) {
  data::Batch batch = pairs(3);
  Metrics without(task_.metric_names()), with(task_.metric_names());
  nn::ForwardContext pass = context(true);
  const float expected = number_of(task_.train(pairs(2), pass, without).loss_sum);
  for (auto& [name, tensor] : batch.tensors) {
    const int64_t size = tensor.elements() / 3;
    std::fill_n(tensor.data<int64_t>() + 2 * size, size, name == "targets" ? -1 : name == "lengths" ? 1 : 0);  // as the loader leaves them
  }
  batch.skipped = {{2, "broken"}};
  batch.tensors.emplace_back("weights", Tensor::of<float>(std::vector<float>{1.0f, 1.0f, 0.0f}, {3}));
  EXPECT_NEAR(number_of(task_.train(batch, pass, with).loss_sum), expected, 1e-5f);
  for (size_t i = 0; i < with.names().size(); ++i) {
    EXPECT_EQ(with.weight(i), without.weight(i));
    EXPECT_NEAR(with.mean(i), without.mean(i), 1e-5);
  }
}

TEST_F(BertWithDropout, RecomputationChangesNoBit) {
  const data::Batch batch = pairs(4);
  const std::vector<float> kept = gradients(batch, false);
  EXPECT_EQ(gradients(batch, true), kept);
  EXPECT_GT(std::ranges::max(kept), 0.0f);
}

TEST_F(BertWithDropout, DropoutDropsInTrainingOnly) {
  const data::Batch batch = pairs(2);
  const auto features = [&](bool training, int64_t step) {
    nn::ForwardContext pass(training, 1, step, 0);
    const Tensor out = model().features(input_of(batch), pass).value();
    return std::vector<float>(out.data<float>(), out.data<float>() + out.elements());
  };
  EXPECT_EQ(features(false, 0), features(false, 1));
  EXPECT_EQ(features(true, 0), features(true, 0));
  EXPECT_NE(features(true, 0), features(true, 1));
}

TEST_F(BertPretraining, BadBatchesAreRefused) {
  const auto refusal = [&](const data::Batch& batch) -> std::string {
    nn::ForwardContext pass = context(true);
    Metrics metrics(task_.metric_names());
    try {
      task_.train(batch, pass, metrics);
    } catch (const Error& error) {
      return error.what();
    }
    return "none";
  };
  EXPECT_NE(refusal(pairs(2, 13)).find("13 tokens are more than model.context, 12"), std::string::npos);
  data::Batch alone = pairs(2);
  alone.tensors.pop_back();
  EXPECT_NE(refusal(alone).find("the data have no pairs of texts"), std::string::npos);
  data::Batch foreign = pairs(2);
  foreign.tensors[0].second.data<int64_t>()[3] = kWords;
  EXPECT_NE(refusal(foreign).find("id 20"), std::string::npos);
}

TEST(BertScores, WholeTextsHaveNumbers) {
  recipes::BertConfig config = small_bert();
  config.head = "scores";
  const auto module = recipes::make_bert(config);
  module->name_tree();
  nn::FlatParameters parameters(*module, 1);
  nn::ForwardContext context(false, 1, 0, 0);
  auto& scorer = dynamic_cast<nn::TextScorer&>(*module);
  const data::Batch batch = pairs(3);
  const Tensor scores = scorer.scores(input_of(batch), context).value();
  EXPECT_EQ(scores.shape(), (Shape{3, 3}));
  const Tensor bare = (*module)(nn::Variable(batch.at("inputs")), context).value();
  EXPECT_NE(bare.data<float>()[6], scores.data<float>()[6]) << "types and lengths matter";
  EXPECT_THROW(MaskedLanguageModelling{recipes::make_bert(config)}, Error);
}

TEST(Bert, HeadsMustFit) {
  recipes::BertConfig config = small_bert();
  config.heads = 3;
  EXPECT_THROW(recipes::make_bert(config), Error);
}

/// Weights under other names: without the model's prefix, norms' gamma and beta, with what transformers stores besides.
class BertWeights : public testing::Test {
 protected:
  BertWeights() : task_(recipes::make_bert(small_bert())), parameters_(task_.model(), 3) {}

  /// Writes the model's tensors plus one each, under `renamed` names.
  std::filesystem::path write(const std::function<std::string(const std::string&)>& renamed, bool copies) const {
    std::vector<SafetensorsEntry> entries;
    std::vector<Tensor> tensors;
    const auto put = [&](const std::string& name, const Tensor& tensor) {
      entries.push_back({name, tensor.dtype(), {tensor.shape().begin(), tensor.shape().end()}});
      tensors.push_back(tensor);
    };
    for (const nn::FlatSlot& slot : parameters_.slots()) {
      const Tensor more = Tensor::empty(slot.shape), own = nn::FlatParameters::view(parameters_.values(), slot);
      for (int64_t i = 0; i < slot.elements; ++i) more.data<float>()[i] = own.data<float>()[i] + 1.0f;
      put(renamed(slot.name), more);
    }
    if (copies) {
      put("cls.predictions.decoder.weight", Tensor::zeros({kWords, 8}));
      put("cls.predictions.decoder.bias", Tensor::zeros({kWords}));
      put("bert.embeddings.position_ids", Tensor::zeros({1, 12}, DType::i64));
    }
    SafetensorsWriter writer(folder_.path() / "model.safetensors", entries, {}, ErrorKind::data);
    for (const Tensor& tensor : tensors) writer.write(tensor);
    writer.close();
    return folder_.path() / "model.safetensors";
  }

  std::string imported(const std::filesystem::path& file) const {
    try {
      checkpoint::import_weights(checkpoint::weight_entries(parameters_), file, {});
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
      return error.what();
    }
    return "none";
  }

  MaskedLanguageModelling task_;
  nn::FlatParameters parameters_;
  test::TemporaryFolder folder_;
};

std::string old_spelling(const std::string& name) {
  std::string old = name.starts_with("bert.") ? name.substr(5) : name;
  if (const size_t norm = old.find("LayerNorm."); norm != std::string::npos) old = old.substr(0, norm) + (old.ends_with("weight") ? "LayerNorm.gamma" : "LayerNorm.beta");
  return old;
}

TEST_F(BertWeights, BothSpellingsAreRead) {
  for (const bool old : {true, false}) {
    const float before = parameters_.values().data<float>()[8];
    EXPECT_EQ(imported(write(old ? old_spelling : [](const std::string& name) { return name; }, true)), "none");
    EXPECT_EQ(parameters_.values().data<float>()[8], before + 1.0f);
  }
}

TEST_F(BertWeights, AnotherArchitectureIsRefused) {
  EXPECT_NE(imported(write([](const std::string& name) { return "roberta." + name; }, false)).find("0 of the model's"), std::string::npos);
  EXPECT_NE(imported(write([](const std::string& name) { return name == "cls.predictions.bias" ? "lm_head.bias" : name; }, false)).find("cls.predictions.bias"), std::string::npos);
}

}  // namespace
}  // namespace tessera
