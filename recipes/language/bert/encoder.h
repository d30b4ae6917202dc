// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "core/nn/normalisation.h"
#include "recipes/language/bert/bert.h"
#include "recipes/language/layers.h"

namespace tessera::recipes {

inline constexpr float kBertDeviation = 0.02f;
inline constexpr double kBertNormEpsilon = 1e-12;

/// [.., in] -> [.., out] with bias.
std::unique_ptr<TokenLinear> bert_linear(int64_t in, int64_t out);

/// Words, places and types of tokens, summed, normalised.
class BertEmbeddings final : public nn::Module {
 public:
  explicit BertEmbeddings(const BertConfig& config);
  std::string kind() const override { return "BertEmbeddings"; }

  nn::Variable run(const nn::TextInput& input, nn::ForwardContext& context);
  nn::Parameter& word_weight() { return words_.weight(); }

 private:
  nn::Variable forward(const nn::Variable& x, nn::ForwardContext& context) override { return run({x.value()}, context); }
  void check(const nn::TextInput& input) const;

  int64_t context_;
  TokenEmbedding &words_, &positions_, &types_;
  nn::LayerNorm& norm_;
  nn::Dropout& dropout_;
};

/// Queries, keys and values of all heads, side by side: [N, T, width] -> [N, T, 3 * width] in one product. The order of its parameters lays the weights one behind the other.
class BertProjections final : public nn::Module {
 public:
  explicit BertProjections(const BertConfig& config);
  std::string kind() const override { return "Linear"; }

 private:
  nn::Variable forward(const nn::Variable& x, nn::ForwardContext& context) override;

  std::vector<nn::Parameter*> weights_, biases_;
};

/// Attention and perceptron, each followed by the norm of its sum with what came in.
class BertLayer final : public nn::Module {
 public:
  explicit BertLayer(const BertConfig& config);
  std::string kind() const override { return "Block"; }

  /// `lengths` i64 [N], or undefined: as nn::TextInput's.
  nn::Variable run(const nn::Variable& x, const Tensor& lengths, nn::ForwardContext& context);

 private:
  nn::Variable forward(const nn::Variable& x, nn::ForwardContext& context) override { return pass(x, {}, context); }
  nn::Variable pass(const nn::Variable& x, const Tensor& lengths, nn::ForwardContext& context);
  nn::Variable attend(const nn::Variable& x, const Tensor& lengths, nn::ForwardContext& context);

  int64_t heads_;
  BertProjections& projections_;
  nn::Dropout& shares_dropout_;
  TokenLinear& attention_output_;
  nn::LayerNorm& attention_norm_;
  nn::Dropout& attention_dropout_;
  TokenLinear &intermediate_, &output_;
  nn::LayerNorm& output_norm_;
  nn::Dropout& output_dropout_;
};

/// transformers' BertModel.
class BertEncoder final : public nn::Module {
 public:
  explicit BertEncoder(const BertConfig& config);
  std::string kind() const override { return "BertEncoder"; }

  /// -> [N, T, width]. Throws Error(usage) for texts longer than the context.
  nn::Variable run(const nn::TextInput& input, nn::ForwardContext& context);
  /// What the first token's features [N, T, width] say of the whole text: [N, width].
  nn::Variable pooled(const nn::Variable& features, nn::ForwardContext& context);
  nn::Parameter& word_weight() { return embeddings_.word_weight(); }

 private:
  nn::Variable forward(const nn::Variable& x, nn::ForwardContext& context) override { return run({x.value()}, context); }

  BertEmbeddings& embeddings_;
  std::vector<BertLayer*> layers_;
  TokenLinear* pooler_;
};

}  // namespace tessera::recipes
