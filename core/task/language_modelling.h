// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "core/config/fields.h"
#include "core/nn/decoder.h"
#include "core/task/task.h"

namespace tessera {

struct LanguageModellingConfig {
  void declare(config::Fields&) {}
};

/// The next token from those before it by softmax cross-entropy. Inputs and targets are ids i64 [samples, tokens]; a quantum weighs as many as it has tokens (skipped samples none).
/// Metrics: loss (nats a token) and perplexity, its exponential.
class LanguageModelling final : public Task {
 public:
  /// Throws Error(usage) for a model that is no nn::Decoder.
  explicit LanguageModelling(std::unique_ptr<nn::Module> model);

  nn::Module& model() override { return *model_; }
  std::vector<std::string> metric_names() const override;
  std::string weight_unit() const override { return "tokens"; }
  QuantumLoss train(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) override;
  /// Returns the likeliest next token of every place, i64 [samples, tokens].
  Tensor evaluate(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) override;

 private:
  void report(const ops::LossSum& loss, Metrics& metrics) const;

  std::unique_ptr<nn::Module> model_;
  nn::Decoder* decoder_;  // the same
};

}  // namespace tessera
