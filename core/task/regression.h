// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "core/config/fields.h"
#include "core/task/task.h"

namespace tessera {

struct RegressionConfig {
  void declare(config::Fields&) {}
};

/// Numbers from inputs by the squared error. Targets are f32 [samples] or [samples, outputs]; a sample weighs what the batch's `weights` (0 or 1) say. Metrics: loss, the mean of a
/// sample's squared errors, summed over its outputs; of a whole split pearson and spearman between outputs and targets.
class Regression final : public Task {
 public:
  explicit Regression(std::unique_ptr<nn::Module> model);

  nn::Module& model() override { return *model_; }
  std::vector<std::string> metric_names() const override { return {"loss"}; }
  QuantumLoss train(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) override;
  /// Returns the outputs in the targets' shape.
  Tensor evaluate(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) override;
  std::vector<std::string> split_metric_names() const override { return {"pearson", "spearman"}; }
  std::vector<double> split_metrics(const Tensor& outputs, const Tensor& targets) const override;

 private:
  struct Pass {
    autograd::Variable outputs;
    QuantumLoss loss;
  };
  Pass run(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics);

  std::unique_ptr<nn::Module> model_;
};

}  // namespace tessera
