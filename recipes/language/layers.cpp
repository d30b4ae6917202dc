// SPDX-License-Identifier: Apache-2.0
#include "recipes/language/layers.h"

#include "core/ops/embedding.h"
#include "core/ops/linear.h"
#include "core/ops/view.h"

namespace tessera::recipes {
namespace {

using nn::Initialiser;
using nn::Variable;

}  // namespace

TokenLinear::TokenLinear(int64_t in, int64_t out, Layout layout, float deviation, bool bias)
    : layout_(layout),
      weight_(add_parameter("weight", layout == Layout::in_out ? Shape{in, out} : Shape{out, in}, Initialiser::normal(deviation))),
      bias_(bias ? &add_parameter("bias", {out}, Initialiser::constant(0.0f)) : nullptr) {}

Variable TokenLinear::run(const Variable& x, std::optional<UnaryOp> activation, nn::ForwardContext& context) const {
  const bool in_out = layout_ == Layout::in_out;
  Shape shape = x.shape();
  const int64_t in = shape[shape.dims() - 1];
  shape[shape.dims() - 1] = weight_.shape[in_out ? 1 : 0];
  const Variable rows = ops::reshape(x, {x.value().elements() / in, in}), bias = bias_ ? bias_->variable() : Variable();
  return ops::reshape(ops::linear(rows, weight_.factor(context.precision()), bias, {in_out, activation, context.precision()}), shape);
}

Variable TokenLinear::activated(const Variable& x, UnaryOp activation, nn::ForwardContext& context) const {
  return checked(run(x, activation, context), context);
}

TokenEmbedding::TokenEmbedding(int64_t ids, int64_t features, float deviation, std::optional<int64_t> padding)
    : padding_(padding), weight_(add_parameter("weight", {ids, features}, Initialiser::normal(deviation))) {
  if (padding) weight_.initialiser.zero_begin = *padding * features, weight_.initialiser.zero_end = (*padding + 1) * features;
}

Variable TokenEmbedding::forward(const Variable& x, nn::ForwardContext&) { return ops::embedding(x.value(), weight_.variable(), padding_); }

RmsNorm::RmsNorm(int64_t features, double epsilon) : epsilon_(epsilon), weight_(add_parameter("weight", {features}, Initialiser::constant(1.0f))) {}

Variable RmsNorm::forward(const Variable& x, nn::ForwardContext&) { return ops::rms_norm(x, weight_.variable(), epsilon_); }

ops::NormalisedSum RmsNorm::of_sum(const Variable& x, const Variable& residual, const nn::ForwardContext& context) const {
  ops::NormalisedSum result = ops::add_rms_norm(x, residual, weight_.variable(), epsilon_);
  result.normalised = checked(std::move(result.normalised), context);
  return result;
}

Variable split_heads(const Variable& x, int64_t heads) {
  const Shape shape = x.shape();
  return ops::reshape(x, {shape[0], shape[1], heads, shape[2] / heads});
}

Variable join_heads(const Variable& x) {
  const Shape shape = x.shape();
  return ops::reshape(x, {shape[0], shape[1], shape[2] * shape[3]});
}

ops::AttentionOptions attention_options(nn::Dropout& dropout, nn::ForwardContext& context) {
  ops::AttentionOptions options;
  options.precision = context.precision();
  options.dropout = dropout.probability(context);
  if (options.dropout > 0.0f) options.dropout_key = dropout.next_key(context);
  return options;
}

ops::AttentionOptions causal_options(nn::Dropout& dropout, nn::ForwardContext& context) {
  ops::AttentionOptions options = attention_options(dropout, context);
  options.causal = true;
  return options;
}

Variable causal_attention(const Variable& queries, const Variable& keys, const Variable& values, nn::KeyValueCache* cache, size_t layer, nn::Dropout& dropout,
                          nn::ForwardContext& context) {
  const ops::AttentionOptions options = causal_options(dropout, context);
  if (!cache) return ops::attention(queries, keys, values, options);
  const auto [all_keys, all_values] = cache->layers[layer].append(cache->length, keys.value(), values.value());
  return ops::attention(queries, Variable(all_keys), Variable(all_values), options);
}

nn::KeyValueCache make_cache(int64_t layers, const Shape& layer_shape) {
  nn::KeyValueCache cache;
  for (int64_t layer = 0; layer < layers; ++layer) cache.layers.push_back({Tensor::zeros(layer_shape), Tensor::zeros(layer_shape)});
  return cache;
}

}  // namespace tessera::recipes
