// SPDX-License-Identifier: Apache-2.0
// What language models are built of. Activations are [N, T, features].
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/nn/decoder.h"
#include "core/nn/layers.h"
#include "core/kernels/elementwise.h"
#include "core/ops/attention.h"
#include "core/ops/normalisation.h"

namespace tessera::recipes {

/// A linear layer over the last dim of any input. Weight [in, out] as transformers stores GPT-2's (`Conv1D`), or [out, in].
class TokenLinear final : public nn::Module {
 public:
  enum class Layout { in_out, out_in };
  /// The weight starts normally distributed, the bias at zero.
  TokenLinear(int64_t in, int64_t out, Layout layout, float deviation, bool bias);
  /// The usual ones: [in, out] with bias, [out, in] without.
  TokenLinear(int64_t in, int64_t out, Layout layout, float deviation) : TokenLinear(in, out, layout, deviation, layout == Layout::in_out) {}
  std::string kind() const override { return layout_ == Layout::in_out ? "Conv1D" : "Linear"; }
  nn::Parameter& weight() { return weight_; }

  /// activation(layer(x)), in fewer passes over memory. Of a layer with bias.
  nn::Variable activated(const nn::Variable& x, UnaryOp activation, nn::ForwardContext& context) const;

 private:
  nn::Variable forward(const nn::Variable& x, nn::ForwardContext& context) override { return run(x, {}, context); }
  nn::Variable run(const nn::Variable& x, std::optional<UnaryOp> activation, nn::ForwardContext& context) const;

  Layout layout_;
  nn::Parameter& weight_;
  nn::Parameter* bias_;  // nullptr: none
};

/// Embedding [ids, features] that starts normally distributed and may be the output layer, too. The row `padding` starts at zero, and looking it up trains nothing.
class TokenEmbedding final : public nn::Module {
 public:
  TokenEmbedding(int64_t ids, int64_t features, float deviation, std::optional<int64_t> padding = std::nullopt);
  std::string kind() const override { return "Embedding"; }
  nn::Parameter& weight() { return weight_; }

 private:
  nn::Variable forward(const nn::Variable& x, nn::ForwardContext&) override;

  std::optional<int64_t> padding_;
  nn::Parameter& weight_;
};

class RmsNorm final : public nn::Module {
 public:
  RmsNorm(int64_t features, double epsilon);
  std::string kind() const override { return "RmsNorm"; }

  /// x + residual and its normalisation, in one pass.
  ops::NormalisedSum of_sum(const nn::Variable& x, const nn::Variable& residual, const nn::ForwardContext& context) const;

 private:
  nn::Variable forward(const nn::Variable& x, nn::ForwardContext&) override;

  double epsilon_;
  nn::Parameter& weight_;
};

/// [N, T, heads * width] -> [N, T, heads, width]
nn::Variable split_heads(const nn::Variable& x, int64_t heads);
/// The way back.
nn::Variable join_heads(const nn::Variable& x);

/// What attention is told: `dropout` drops its shares.
ops::AttentionOptions attention_options(nn::Dropout& dropout, nn::ForwardContext& context);
/// Of causal attention.
ops::AttentionOptions causal_options(nn::Dropout& dropout, nn::ForwardContext& context);

/// Causal attention of queries, keys and values with heads apart; with a cache, over all that layer `layer` of it has seen.
nn::Variable causal_attention(const nn::Variable& queries, const nn::Variable& keys, const nn::Variable& values, nn::KeyValueCache* cache, size_t layer,
                              nn::Dropout& dropout, nn::ForwardContext& context);

/// An empty cache for such layers.
nn::KeyValueCache make_cache(int64_t layers, const Shape& layer_shape);

}  // namespace tessera::recipes
