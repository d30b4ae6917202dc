// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/nn/text_scorer.h"
#include "core/ops/linear_cross_entropy.h"

namespace tessera::nn {

/// A model that tells hidden tokens from all those around them, and whether the second of two texts follows the first (Devlin, Chang, Lee, Toutanova, NAACL 2019).
class MaskedLanguageModel : public Module {
 public:
  virtual int64_t vocabulary() const = 0;

  /// What it knows of every token: [N, T, features].
  virtual Variable features(const TextInput& input, ForwardContext& context) = 0;
  /// Logits [N, 2] of following (0) and not (1).
  virtual Variable relations(const Variable& features, ForwardContext& context) = 0;
  /// Logits of every place: [N, T, vocabulary].
  Variable logits(const Variable& features, ForwardContext& context);

  /// The summed cross-entropy of the places whose target is not negative, and how many are right; its weight is their number. Other places go through no output layer,
  /// and logits of all are never held. targets i64 [N, T].
  ops::LinearLoss loss(const Variable& features, const Tensor& targets, ForwardContext& context);
  /// The likeliest token of these places, -1 elsewhere: i64 [N, T]. Without a tape.
  Tensor likeliest(const Variable& features, const Tensor& targets, ForwardContext& context);

 protected:
  /// What stands between features and output layer: rows [K, features] -> [K, width].
  virtual Variable transform(const Variable& rows, ForwardContext& context) = 0;
  /// The output layer: [vocabulary, width] and [vocabulary].
  virtual Parameter& output_weight() const = 0;
  virtual Parameter& output_bias() const = 0;

 private:
  Variable forward(const Variable& x, ForwardContext& context) final;
};

}  // namespace tessera::nn
