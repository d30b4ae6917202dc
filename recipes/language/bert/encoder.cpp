// SPDX-License-Identifier: Apache-2.0
#include "recipes/language/bert/encoder.h"

#include "core/base/error.h"
#include "core/ops/arithmetic.h"
#include "core/ops/linears.h"
#include "core/ops/view.h"

namespace tessera::recipes {
namespace {

using nn::ForwardContext;
using nn::Variable;

constexpr int64_t kPaddingWord = 0;

std::unique_ptr<nn::LayerNorm> bert_norm(const BertConfig& config) { return std::make_unique<nn::LayerNorm>(Shape{config.width}, kBertNormEpsilon); }
std::unique_ptr<nn::Dropout> bert_dropout(const BertConfig& config) { return std::make_unique<nn::Dropout>(config.dropout); }
int64_t hidden_of(const BertConfig& config) { return config.hidden > 0 ? config.hidden : 4 * config.width; }

}  // namespace

std::unique_ptr<TokenLinear> bert_linear(int64_t in, int64_t out) {
  return std::make_unique<TokenLinear>(in, out, TokenLinear::Layout::out_in, kBertDeviation, true);
}

BertEmbeddings::BertEmbeddings(const BertConfig& config)
    : context_(config.context),
      words_(add("word_embeddings", std::make_unique<TokenEmbedding>(config.vocabulary, config.width, kBertDeviation, kPaddingWord))),
      positions_(add("position_embeddings", std::make_unique<TokenEmbedding>(config.context, config.width, kBertDeviation))),
      types_(add("token_type_embeddings", std::make_unique<TokenEmbedding>(config.token_types, config.width, kBertDeviation))),
      norm_(add("LayerNorm", bert_norm(config))),
      dropout_(add("dropout", bert_dropout(config))) {}

void BertEmbeddings::check(const nn::TextInput& input) const {
  const Tensor& ids = input.ids;
  if (ids.dtype() != DType::i64 || ids.shape().dims() != 2 || ids.elements() == 0) {
    throw Error(ErrorKind::usage, "a model of texts takes ids i64 [samples, tokens], not " + std::string(name_of(ids.dtype())) + " " + ids.shape().text(), {},
                "take data of texts");
  }
  if (ids.shape()[1] > context_) {
    throw Error(ErrorKind::usage, std::to_string(ids.shape()[1]) + " tokens are more than model.context, " + std::to_string(context_), {},
                "set data.context to " + std::to_string(context_) + " or less, or raise model.context");
  }
  TESSERA_ASSERT(!input.types.defined() || input.types.shape() == ids.shape(), "types are one a token");
}

Variable BertEmbeddings::run(const nn::TextInput& input, ForwardContext& context) {
  check(input);
  const Tensor places = Tensor::empty({input.ids.shape()[1]}, DType::i64);
  for (int64_t t = 0; t < places.elements(); ++t) places.data<int64_t>()[t] = t;
  const Tensor types = input.types.defined() ? input.types : Tensor::zeros(input.ids.shape(), DType::i64);
  const Variable typed = ops::add(words_(Variable(input.ids), context), types_(Variable(types), context));
  return dropout_(norm_(ops::add(typed, positions_(Variable(places), context)), context), context);
}

BertProjections::BertProjections(const BertConfig& config) {
  const std::string names[] = {"query", "key", "value"};
  for (const std::string& name : names) {
    weights_.push_back(&add_parameter(name + ".weight", {config.width, config.width}, nn::Initialiser::normal(kBertDeviation)));
  }
  for (const std::string& name : names) biases_.push_back(&add_parameter(name + ".bias", {config.width}, nn::Initialiser::constant(0.0f)));
}

Variable BertProjections::forward(const Variable& x, ForwardContext& context) {
  std::vector<Variable> weights, biases;
  for (nn::Parameter* weight : weights_) weights.push_back(weight->factor(context.precision()));
  for (const nn::Parameter* bias : biases_) biases.push_back(bias->variable());
  const Shape shape = x.shape();
  const Variable rows = ops::linears(ops::reshape(x, {shape[0] * shape[1], shape[2]}), weights, biases, context.precision());
  return ops::reshape(rows, {shape[0], shape[1], 3 * shape[2]});
}

BertLayer::BertLayer(const BertConfig& config)
    : heads_(config.heads),
      projections_(add("attention.self", std::make_unique<BertProjections>(config))),
      shares_dropout_(add("attention.self.dropout", bert_dropout(config))),
      attention_output_(add("attention.output.dense", bert_linear(config.width, config.width))),
      attention_norm_(add("attention.output.LayerNorm", bert_norm(config))),
      attention_dropout_(add("attention.output.dropout", bert_dropout(config))),
      intermediate_(add("intermediate.dense", bert_linear(config.width, hidden_of(config)))),
      output_(add("output.dense", bert_linear(hidden_of(config), config.width))),
      output_norm_(add("output.LayerNorm", bert_norm(config))),
      output_dropout_(add("output.dropout", bert_dropout(config))) {
  mark_block();
}

Variable BertLayer::run(const Variable& x, const Tensor& lengths, ForwardContext& context) {
  return run_pass([this, lengths](const Variable& input, ForwardContext& again) { return pass(input, lengths, again); }, x, context);
}

Variable BertLayer::attend(const Variable& x, const Tensor& lengths, ForwardContext& context) {
  ops::AttentionOptions options = attention_options(shares_dropout_, context);
  options.lengths = lengths;
  const Variable mixed = ops::self_attention(projections_(x, context), heads_, heads_, options);
  return attention_dropout_(attention_output_(mixed, context), context);
}

Variable BertLayer::pass(const Variable& x, const Tensor& lengths, ForwardContext& context) {
  const Variable attended = attention_norm_.of_sum(attend(x, lengths, context), x, context).normalised;
  const Variable thought = output_dropout_(output_(intermediate_.activated(attended, UnaryOp::gelu, context), context), context);
  return output_norm_.of_sum(thought, attended, context).normalised;
}

BertEncoder::BertEncoder(const BertConfig& config) : embeddings_(add("embeddings", std::make_unique<BertEmbeddings>(config))) {
  for (int64_t i = 0; i < config.layers; ++i) layers_.push_back(&add("encoder.layer." + std::to_string(i), std::make_unique<BertLayer>(config)));
  pooler_ = &add("pooler.dense", bert_linear(config.width, config.width));
}

Variable BertEncoder::run(const nn::TextInput& input, ForwardContext& context) {
  Variable h = embeddings_.run(input, context);
  for (BertLayer* layer : layers_) h = layer->run(h, input.lengths, context);
  return checked(h, context);
}

Variable BertEncoder::pooled(const Variable& features, ForwardContext& context) {
  const Variable first = ops::reshape(ops::slice(features, 1, 0, 1), {features.shape()[0], features.shape()[2]});
  return pooler_->activated(first, UnaryOp::tanh, context);
}

}  // namespace tessera::recipes
