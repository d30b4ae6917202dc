// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "core/task/task.h"

namespace tessera {

/// Several classifiers as one: the probability of a class is the mean of what they say. For evaluation only.
class Ensemble final : public Task {
 public:
  /// At least one; all of them classify, of one kind. Throws Error(usage) otherwise.
  explicit Ensemble(std::vector<std::unique_ptr<Task>> members);

  /// The first member's.
  nn::Module& model() override { return members_.front()->model(); }
  std::vector<std::string> metric_names() const override { return members_.front()->metric_names(); }
  /// Throws Error(usage).
  QuantumLoss train(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) override;
  /// Logarithms of the mean probabilities [samples, classes].
  Tensor evaluate(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) override;
  bool classifies() const override { return true; }
  void score(const Tensor& scores, const data::Batch& batch, Metrics& metrics) override { members_.front()->score(scores, batch, metrics); }

 private:
  std::vector<std::unique_ptr<Task>> members_;
};

}  // namespace tessera
