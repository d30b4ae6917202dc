// SPDX-License-Identifier: Apache-2.0
#include "recipes/language/bert/bert.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "recipes/fit.h"
#include "recipes/language/bert/encoder.h"
#include "recipes/language/fit.h"

namespace tessera::recipes {
namespace {

using nn::ForwardContext;
using nn::Variable;

constexpr int64_t kRelations = 2;

/// The last bias of a head, under its own name.
class OutputBias final : public nn::Module {
 public:
  explicit OutputBias(int64_t outputs) : bias_(add_parameter("bias", {outputs}, nn::Initialiser::constant(0.0f))) {}
  std::string kind() const override { return "Bias"; }
  nn::Parameter& bias() { return bias_; }

 private:
  Variable forward(const Variable& x, ForwardContext&) override { return x; }

  nn::Parameter& bias_;
};

class BertForPretraining final : public nn::MaskedLanguageModel {
 public:
  explicit BertForPretraining(const BertConfig& config)
      : vocabulary_(config.vocabulary),
        bert_(add("bert", std::make_unique<BertEncoder>(config))),
        bias_(add("cls.predictions", std::make_unique<OutputBias>(config.vocabulary))),
        dense_(add("cls.predictions.transform.dense", bert_linear(config.width, config.width))),
        norm_(add("cls.predictions.transform.LayerNorm", std::make_unique<nn::LayerNorm>(Shape{config.width}, kBertNormEpsilon))),
        relation_(add("cls.seq_relationship", bert_linear(config.width, kRelations))) {}

  std::string kind() const override { return "Bert"; }
  int64_t vocabulary() const override { return vocabulary_; }
  Variable features(const nn::TextInput& input, ForwardContext& context) override { return bert_.run(input, context); }
  Variable relations(const Variable& features, ForwardContext& context) override { return relation_(bert_.pooled(features, context), context); }

 private:
  Variable transform(const Variable& rows, ForwardContext& context) override { return norm_(dense_.activated(rows, UnaryOp::gelu, context), context); }
  nn::Parameter& output_weight() const override { return bert_.word_weight(); }
  nn::Parameter& output_bias() const override { return bias_.bias(); }

  int64_t vocabulary_;
  BertEncoder& bert_;
  OutputBias& bias_;
  TokenLinear& dense_;
  nn::LayerNorm& norm_;
  TokenLinear& relation_;
};

class BertForScores final : public nn::TextScorer {
 public:
  explicit BertForScores(const BertConfig& config)
      : bert_(add("bert", std::make_unique<BertEncoder>(config))),
        dropout_(add("dropout", std::make_unique<nn::Dropout>(config.dropout))),
        classifier_(add("classifier", bert_linear(config.width, config.outputs))) {}

  std::string kind() const override { return "Bert"; }
  Variable scores(const nn::TextInput& input, ForwardContext& context) override {
    return checked(classifier_(dropout_(bert_.pooled(bert_.run(input, context), context), context), context), context);
  }

 private:
  BertEncoder& bert_;
  nn::Dropout& dropout_;
  TokenLinear& classifier_;
};

void check_bert_data(const BertConfig& config, const config::KindBlock& model, const data::Dataset& dataset) {
  if (config.head == "pretraining") return check_tokens(model, config.vocabulary, config.context, dataset);
  check_texts(model, config.vocabulary, config.context, dataset);
  const auto targets = std::ranges::find(dataset.fields(), data::kTargets, &data::Field::name);
  if (targets != dataset.fields().end() && targets->dtype == DType::i64 && targets->shape.dims() > 0) {
    throw Error(ErrorKind::usage, "bert with head: scores predicts no hidden tokens, but the data have a target for every token", model.node.origin().text(),
                "set model.head: pretraining, or take data of kind text_table");
  }
  const int64_t classes = dataset.classes().value_or(1);
  if (config.outputs < classes) does_not_fit(model, "outputs", config.outputs, fmt::format("the data has {} classes", classes), classes);
}

}  // namespace

void BertConfig::declare(config::Fields& fields) {
  fields.add("head", head, {.doc = "pretraining: hidden tokens and next sentences; scores: numbers of a whole text, for classes or a value", .choices = {"pretraining", "scores"}});
  fields.add("outputs", outputs, {.doc = "numbers that head scores gives: classes, or 1 for a value", .minimum = 1});
  fields.add("vocabulary", vocabulary, {.doc = "tokens that the model knows; token 0 is padding", .minimum = 2});
  fields.add("context", context, {.doc = "most tokens that it can see: learned positions", .unit = "tokens", .minimum = 1});
  fields.add("token_types", token_types, {.doc = "texts of a sample that are told apart", .minimum = 1});
  fields.add("layers", layers, {.doc = "blocks of attention and perceptron", .minimum = 1});
  fields.add("heads", heads, {.doc = "of attention; they divide width", .minimum = 1});
  fields.add("width", width, {.doc = "features of a token", .minimum = 1});
  fields.add("hidden", hidden, {.doc = "features inside of a perceptron; 0: four times width", .minimum = 0});
  fields.add("dropout", dropout, {.doc = "share dropped in training of embeddings, attention's shares, both outputs of a block, and what head scores reads", .minimum = 0, .below = 1});
}

std::unique_ptr<nn::Module> make_bert_for_pretraining(const BertConfig& config) { return std::make_unique<BertForPretraining>(config); }
std::unique_ptr<nn::Module> make_bert_for_scores(const BertConfig& config) { return std::make_unique<BertForScores>(config); }

std::unique_ptr<nn::Module> make_bert(const BertConfig& config) {
  check_heads(config.width, config.heads);
  return config.head == "pretraining" ? make_bert_for_pretraining(config) : make_bert_for_scores(config);
}

void register_bert(ModelTable& table) {
  table.add<BertConfig>("bert", "BERT (Devlin 2019), in both directions", make_bert, check_bert_data);
}

}  // namespace tessera::recipes
