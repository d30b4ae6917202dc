// SPDX-License-Identifier: Apache-2.0
#include "recipes/language/gpt2/gpt2.h"

#include <cmath>
#include <vector>

#include "core/nn/normalisation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/attention.h"
#include "core/ops/view.h"
#include "recipes/language/fit.h"
#include "recipes/language/layers.h"

namespace tessera::recipes {
namespace {

using nn::ForwardContext;
using nn::Variable;
using Layout = TokenLinear::Layout;

constexpr float kDeviation = 0.02f;

/// Layers that write to the residual stream start smaller, so that the sum of all of them has about the variance of one.
float residual_deviation(const Gpt2Config& config) { return kDeviation / std::sqrt(2.0f * static_cast<float>(config.layers)); }

class Gpt2Attention final : public nn::Module {
 public:
  Gpt2Attention(const Gpt2Config& config, size_t layer)
      : layer_(layer),
        heads_(config.heads),
        width_(config.width),
        c_attn_(add("c_attn", std::make_unique<TokenLinear>(config.width, 3 * config.width, Layout::in_out, kDeviation))),
        c_proj_(add("c_proj", std::make_unique<TokenLinear>(config.width, config.width, Layout::in_out, residual_deviation(config)))),
        attn_dropout_(add("attn_dropout", std::make_unique<nn::Dropout>(config.dropout))),
        resid_dropout_(add("resid_dropout", std::make_unique<nn::Dropout>(config.dropout))) {}

  std::string kind() const override { return "Attention"; }

  Variable run(const Variable& x, nn::KeyValueCache* cache, ForwardContext& context) {
    return resid_dropout_(c_proj_(mixed(c_attn_(x, context), cache, context), context), context);
  }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override { return run(x, nullptr, context); }

  Variable mixed(const Variable& qkv, nn::KeyValueCache* cache, ForwardContext& context) {
    if (!cache) return ops::self_attention(qkv, heads_, heads_, causal_options(attn_dropout_, context));
    const std::vector<Variable> parts = ops::split(qkv, -1, {width_, width_, width_});
    return join_heads(causal_attention(split_heads(parts[0], heads_), split_heads(parts[1], heads_), split_heads(parts[2], heads_), cache, layer_,
                                       attn_dropout_, context));
  }

  size_t layer_;
  int64_t heads_, width_;
  TokenLinear &c_attn_, &c_proj_;
  nn::Dropout &attn_dropout_, &resid_dropout_;
};

class Gpt2Mlp final : public nn::Module {
 public:
  explicit Gpt2Mlp(const Gpt2Config& config)
      : c_fc_(add("c_fc", std::make_unique<TokenLinear>(config.width, 4 * config.width, Layout::in_out, kDeviation))),
        c_proj_(add("c_proj", std::make_unique<TokenLinear>(4 * config.width, config.width, Layout::in_out, residual_deviation(config)))),
        dropout_(add("dropout", std::make_unique<nn::Dropout>(config.dropout))) {}

  std::string kind() const override { return "Mlp"; }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override {
    return dropout_(c_proj_(c_fc_.activated(x, UnaryOp::gelu_tanh, context), context), context);
  }

  TokenLinear &c_fc_, &c_proj_;
  nn::Dropout& dropout_;
};

class Gpt2Block final : public nn::Module {
 public:
  Gpt2Block(const Gpt2Config& config, size_t layer)
      : ln_1_(add("ln_1", std::make_unique<nn::LayerNorm>(Shape{config.width}))),
        attn_(add("attn", std::make_unique<Gpt2Attention>(config, layer))),
        ln_2_(add("ln_2", std::make_unique<nn::LayerNorm>(Shape{config.width}))),
        mlp_(add("mlp", std::make_unique<Gpt2Mlp>(config))) {
    mark_block();
  }

  std::string kind() const override { return "Block"; }

  Variable run(const Variable& x, nn::KeyValueCache* cache, ForwardContext& context) {
    const auto [h, normalised] = ln_2_.of_sum(attn_.run(ln_1_(x, context), cache, context), x, context);
    return checked(ops::add(h, mlp_(normalised, context)), context);
  }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override { return run(x, nullptr, context); }

  nn::LayerNorm& ln_1_;
  Gpt2Attention& attn_;
  nn::LayerNorm& ln_2_;
  Gpt2Mlp& mlp_;
};

class Gpt2 final : public nn::Decoder {
 public:
  explicit Gpt2(const Gpt2Config& config)
      : config_(config),
        wte_(add("transformer.wte", std::make_unique<TokenEmbedding>(config.vocabulary, config.width, kDeviation))),
        wpe_(add("transformer.wpe", std::make_unique<TokenEmbedding>(config.context, config.width, kDeviation))),
        dropout_(add("transformer.drop", std::make_unique<nn::Dropout>(config.dropout))) {
    for (int64_t i = 0; i < config.layers; ++i) {
      blocks_.push_back(&add("transformer.h." + std::to_string(i), std::make_unique<Gpt2Block>(config, static_cast<size_t>(i))));
    }
    ln_f_ = &add("transformer.ln_f", std::make_unique<nn::LayerNorm>(Shape{config.width}));
  }

  std::string kind() const override { return "Gpt2"; }
  int64_t vocabulary() const override { return config_.vocabulary; }
  int64_t context() const override { return config_.context; }
  nn::KeyValueCache empty_cache(int64_t samples) const override {
    return make_cache(config_.layers, {samples, config_.context, config_.heads, config_.width / config_.heads});
  }

 private:
  nn::Parameter& output_weight() const override { return wte_.weight(); }

  Variable hidden(const Tensor& ids, nn::KeyValueCache* cache, ForwardContext& context) override {
    const int64_t first = cache ? cache->length : 0;
    const Tensor places = Tensor::empty({ids.shape()[1]}, DType::i64);
    for (int64_t t = 0; t < places.elements(); ++t) places.data<int64_t>()[t] = first + t;
    Variable h = dropout_(ops::add(wte_(Variable(ids), context), wpe_(Variable(places), context)), context);
    for (Gpt2Block* block : blocks_) h = cache ? block->run(h, cache, context) : (*block)(h, context);
    return (*ln_f_)(h, context);
  }

  Gpt2Config config_;
  TokenEmbedding &wte_, &wpe_;
  nn::Dropout& dropout_;
  std::vector<Gpt2Block*> blocks_;
  nn::LayerNorm* ln_f_ = nullptr;
};

}  // namespace

void Gpt2Config::declare(config::Fields& fields) {
  fields.add("vocabulary", vocabulary, {.doc = "tokens that the model knows", .minimum = 2});
  fields.add("context", context, {.doc = "most tokens that it can see: learned positions", .unit = "tokens", .minimum = 1});
  fields.add("layers", layers, {.doc = "blocks of attention and perceptron", .minimum = 1});
  fields.add("heads", heads, {.doc = "of attention; they divide width", .minimum = 1});
  fields.add("width", width, {.doc = "features of a token", .minimum = 1});
  fields.add("dropout", dropout, {.doc = "share dropped in training of embeddings, attention's shares and both outputs of a block", .minimum = 0, .below = 1});
}

std::unique_ptr<nn::Module> make_gpt2(const Gpt2Config& config) {
  check_heads(config.width, config.heads);
  return std::make_unique<Gpt2>(config);
}

void register_gpt2(ModelTable& table) {
  table.add<Gpt2Config>("gpt2", "GPT-2 (Radford 2019), from left to right", make_gpt2,
                        [](const Gpt2Config& config, const config::KindBlock& model, const data::Dataset& dataset) {
                          check_tokens(model, config.vocabulary, config.context, dataset);
                        });
}

}  // namespace tessera::recipes
