// SPDX-License-Identifier: Apache-2.0
#include "recipes/language/llama/llama.h"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "core/base/error.h"
#include "core/ops/activation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/rotary.h"
#include "recipes/language/fit.h"
#include "recipes/language/layers.h"

namespace tessera::recipes {
namespace {

using nn::ForwardContext;
using nn::Variable;

constexpr float kLlamaDeviation = 0.02f;

std::unique_ptr<TokenLinear> plain_linear(int64_t in, int64_t out, float deviation = kLlamaDeviation) {
  return std::make_unique<TokenLinear>(in, out, TokenLinear::Layout::out_in, deviation);
}

/// As in GPT-2, and in llama2.c's training.
float smaller_deviation(const LlamaConfig& config) { return kLlamaDeviation / std::sqrt(2.0f * static_cast<float>(config.layers)); }

class LlamaAttention final : public nn::Module {
 public:
  LlamaAttention(const LlamaConfig& config, size_t layer, Tensor angles)
      : config_(config),
        layer_(layer),
        angles_(std::move(angles)),
        q_proj_(add("q_proj", plain_linear(config.width, config.width))),
        k_proj_(add("k_proj", plain_linear(config.width, config.width / config.heads * config.key_heads))),
        v_proj_(add("v_proj", plain_linear(config.width, config.width / config.heads * config.key_heads))),
        o_proj_(add("o_proj", plain_linear(config.width, config.width, smaller_deviation(config)))),
        attn_dropout_(add("attn_dropout", std::make_unique<nn::Dropout>(config.dropout))),
        resid_dropout_(add("resid_dropout", std::make_unique<nn::Dropout>(config.dropout))) {}

  std::string kind() const override { return "Attention"; }

  Variable run(const Variable& x, nn::KeyValueCache* cache, ForwardContext& context) {
    const Tensor angles = angles_.narrow(0, cache ? cache->length : 0, x.shape()[1]);
    const auto turned = [&](TokenLinear& layer, int64_t heads) { return ops::rotary(split_heads(layer(x, context), heads), angles, RotaryPairs::halves, heads); };
    const Variable queries = turned(q_proj_, config_.heads), keys = turned(k_proj_, config_.key_heads);
    const Variable values = split_heads(v_proj_(x, context), config_.key_heads);
    const Variable mixed = causal_attention(queries, keys, values, cache, layer_, attn_dropout_, context);
    return resid_dropout_(o_proj_(join_heads(mixed), context), context);
  }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override { return run(x, nullptr, context); }

  LlamaConfig config_;
  size_t layer_;
  Tensor angles_;  // of all positions
  TokenLinear &q_proj_, &k_proj_, &v_proj_, &o_proj_;
  nn::Dropout &attn_dropout_, &resid_dropout_;
};

class LlamaMlp final : public nn::Module {
 public:
  explicit LlamaMlp(const LlamaConfig& config)
      : gate_proj_(add("gate_proj", plain_linear(config.width, config.hidden))),
        up_proj_(add("up_proj", plain_linear(config.width, config.hidden))),
        down_proj_(add("down_proj", plain_linear(config.hidden, config.width, smaller_deviation(config)))),
        dropout_(add("dropout", std::make_unique<nn::Dropout>(config.dropout))) {}

  std::string kind() const override { return "SwiGlu"; }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override {
    return dropout_(down_proj_(ops::swiglu(gate_proj_(x, context), up_proj_(x, context)), context), context);
  }

  TokenLinear &gate_proj_, &up_proj_, &down_proj_;
  nn::Dropout& dropout_;
};

class LlamaBlock final : public nn::Module {
 public:
  LlamaBlock(const LlamaConfig& config, size_t layer, const Tensor& angles)
      : input_layernorm_(add("input_layernorm", std::make_unique<RmsNorm>(config.width, config.norm_epsilon))),
        self_attn_(add("self_attn", std::make_unique<LlamaAttention>(config, layer, angles))),
        post_attention_layernorm_(add("post_attention_layernorm", std::make_unique<RmsNorm>(config.width, config.norm_epsilon))),
        mlp_(add("mlp", std::make_unique<LlamaMlp>(config))) {
    mark_block();
  }

  std::string kind() const override { return "Block"; }

  Variable run(const Variable& x, nn::KeyValueCache* cache, ForwardContext& context) {
    const auto [h, normalised] = post_attention_layernorm_.of_sum(self_attn_.run(input_layernorm_(x, context), cache, context), x, context);
    return checked(ops::add(h, mlp_(normalised, context)), context);
  }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override { return run(x, nullptr, context); }

  RmsNorm& input_layernorm_;
  LlamaAttention& self_attn_;
  RmsNorm& post_attention_layernorm_;
  LlamaMlp& mlp_;
};

class Llama final : public nn::Decoder {
 public:
  explicit Llama(const LlamaConfig& config)
      : config_(config), embed_tokens_(add("model.embed_tokens", std::make_unique<TokenEmbedding>(config.vocabulary, config.width, kLlamaDeviation))) {
    const Tensor angles = ops::rotary_table(0, config.context, config.width / config.heads, config.rope_theta);
    for (int64_t i = 0; i < config.layers; ++i) {
      blocks_.push_back(&add("model.layers." + std::to_string(i), std::make_unique<LlamaBlock>(config, static_cast<size_t>(i), angles)));
    }
    norm_ = &add("model.norm", std::make_unique<RmsNorm>(config.width, config.norm_epsilon));
    if (!config.tied) lm_head_ = &add("lm_head", plain_linear(config.width, config.vocabulary));
  }

  std::string kind() const override { return "Llama"; }
  int64_t vocabulary() const override { return config_.vocabulary; }
  int64_t context() const override { return config_.context; }
  nn::KeyValueCache empty_cache(int64_t samples) const override {
    return make_cache(config_.layers, {samples, config_.context, config_.key_heads, config_.width / config_.heads});
  }

 private:
  nn::Parameter& output_weight() const override { return lm_head_ ? lm_head_->weight() : embed_tokens_.weight(); }

  Variable hidden(const Tensor& ids, nn::KeyValueCache* cache, ForwardContext& context) override {
    Variable h = embed_tokens_(Variable(ids), context);
    for (LlamaBlock* block : blocks_) h = cache ? block->run(h, cache, context) : (*block)(h, context);
    return (*norm_)(h, context);
  }

  LlamaConfig config_;
  TokenEmbedding& embed_tokens_;
  std::vector<LlamaBlock*> blocks_;
  RmsNorm* norm_ = nullptr;
  TokenLinear* lm_head_ = nullptr;  // nullptr: the embedding
};

}  // namespace

void LlamaConfig::declare(config::Fields& fields) {
  fields.add("vocabulary", vocabulary, {.doc = "tokens that the model knows", .minimum = 2});
  fields.add("context", context, {.doc = "most tokens that it can see", .unit = "tokens", .minimum = 1});
  fields.add("layers", layers, {.doc = "blocks of attention and perceptron", .minimum = 1});
  fields.add("heads", heads, {.doc = "of queries; they divide width", .minimum = 1});
  fields.add("key_heads", key_heads, {.doc = "of keys and values; they divide heads", .minimum = 1});
  fields.add("width", width, {.doc = "features of a token", .minimum = 1});
  fields.add("hidden", hidden, {.doc = "features inside of a perceptron", .minimum = 1});
  fields.add("rope_theta", rope_theta, {.doc = "base of the rotary positions' wavelengths", .above = 0});
  fields.add("norm_epsilon", norm_epsilon, {.doc = "added to the mean square in norms", .above = 0});
  fields.add("tied", tied, {.doc = "the output layer is the embedding"});
  fields.add("dropout", dropout, {.doc = "share dropped in training of attention's shares and both outputs of a block", .minimum = 0, .below = 1});
}

std::unique_ptr<nn::Module> make_llama(const LlamaConfig& config) {
  check_heads(config.width, config.heads);
  if (config.heads % config.key_heads != 0) {
    throw Error(ErrorKind::usage, fmt::format("{} heads of keys do not divide {} heads", config.key_heads, config.heads), "model.key_heads", "take a divisor of model.heads");
  }
  if (config.width / config.heads % 2 != 0) {
    throw Error(ErrorKind::usage, fmt::format("a head has {} features, but rotary positions take pairs of them", config.width / config.heads), "model.heads",
                "take an even model.width / model.heads");
  }
  return std::make_unique<Llama>(config);
}

void register_llama(ModelTable& table) {
  table.add<LlamaConfig>("llama", "Llama 2's decoder (Touvron 2023), from left to right", make_llama,
                         [](const LlamaConfig& config, const config::KindBlock& model, const data::Dataset& dataset) {
                           check_tokens(model, config.vocabulary, config.context, dataset);
                         });
}

}  // namespace tessera::recipes
