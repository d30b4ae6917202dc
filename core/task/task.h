// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "core/autograd/variable.h"
#include "core/data/dataset.h"
#include "core/nn/module.h"
#include "core/task/metrics.h"

namespace tessera {

/// What one quantum contributes to a step: the step divides the sum of losses by the sum of weights.
struct QuantumLoss {
  autograd::Variable loss_sum;  ///< scalar, summed over samples (or tokens)
  double weight = 0.0;
};

/// What a recipe trains. Stands between the training loop and a model, so that the loop knows neither losses nor fields of a batch.
class Task {
 public:
  virtual ~Task() = default;

  /// The root of all models of the task.
  virtual nn::Module& model() = 0;
  /// Names of what train() and evaluate() add to Metrics; the first is the loss.
  virtual std::vector<std::string> metric_names() const = 0;

  virtual QuantumLoss train(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) = 0;
  /// Adds to the metrics and returns the model's outputs [samples, ...] for predictions. Runs without a tape.
  virtual Tensor evaluate(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) = 0;

  /// Names of metrics that are no means over samples, but need all of a split's outputs.
  virtual std::vector<std::string> split_metric_names() const { return {}; }
  /// Their values. Rows are samples, in the split's order; targets f32 of skipped ones are NaN.
  virtual std::vector<double> split_metrics(const Tensor& /*outputs*/, const Tensor& /*targets*/) const { return {}; }

  /// What a quantum's weight counts.
  virtual std::string weight_unit() const { return "samples"; }

  /// Whether evaluate() returns scores [samples, classes], logarithms of probabilities but for a constant a row, of classes that `targets` i64 [samples] are:
  /// such tasks get confusion matrices, and ensembles.
  virtual bool classifies() const { return false; }
  /// For tasks that classify: adds the metrics of scores, whoever made them.
  virtual void score(const Tensor& scores, const data::Batch& batch, Metrics& metrics);
};

}  // namespace tessera
