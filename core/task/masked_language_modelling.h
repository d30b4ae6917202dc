// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "core/config/fields.h"
#include "core/nn/masked_language_model.h"
#include "core/task/task.h"

namespace tessera {

struct MaskedLanguageModellingConfig {
  bool next_sentence = true;
  void declare(config::Fields& fields);
};

/// Hidden tokens from all those around them, and whether the second of two texts follows the first. Fields `inputs` and `targets` i64 [samples, tokens] (-1: not predicted) and, where the
/// data have them, `token_types`, `lengths` and `next_sentence`.
///
/// A quantum weighs as many as tokens are predicted. The next-sentence loss of a sample counts as often as the sample has predicted tokens, so that the loss of a step is the
/// mean over its predicted tokens of (their own cross-entropy + that of their sample), however they are spread over quanta.
///
/// Metrics: loss; masked_loss, its exponential perplexity and masked_accuracy, over predicted tokens; next_sentence_loss and next_sentence_accuracy, over samples.
class MaskedLanguageModelling final : public Task {
 public:
  /// Throws Error(usage) for a model that is no nn::MaskedLanguageModel.
  explicit MaskedLanguageModelling(std::unique_ptr<nn::Module> model, const MaskedLanguageModellingConfig& settings = {});

  nn::Module& model() override { return *model_; }
  std::vector<std::string> metric_names() const override;
  std::string weight_unit() const override { return "predictions"; }
  QuantumLoss train(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) override;
  /// Returns the likeliest token of every predicted place, -1 elsewhere: i64 [samples, tokens].
  Tensor evaluate(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) override;

 private:
  struct Pass {
    autograd::Variable features;
    QuantumLoss loss;
  };
  Pass run(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics);
  autograd::Variable next_sentence_loss(const autograd::Variable& features, const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics);

  std::unique_ptr<nn::Module> model_;
  nn::MaskedLanguageModel* texts_;  // the same
  bool next_sentence_;
};

}  // namespace tessera
