// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "core/config/fields.h"
#include "core/ops/loss.h"
#include "core/task/task.h"

namespace tessera {

struct ClassificationConfig {
  double label_smoothing = 0.0;
  std::vector<double> class_weights;  ///< one a class, or empty: all 1
  void declare(config::Fields& fields);
};

/// Class ids from inputs by softmax cross-entropy; metrics: loss and accuracy. A sample weighs what its class weighs, in the loss and its mean;
/// in the accuracy all weigh the same. Losses of a model's auxiliary heads are part of the loss in training.
class Classification final : public Task {
 public:
  /// `settings.class_weights` must fit the model's outputs; a batch throws Error(usage) otherwise.
  explicit Classification(std::unique_ptr<nn::Module> model, const ClassificationConfig& settings = {});

  nn::Module& model() override { return *model_; }
  std::vector<std::string> metric_names() const override { return {"loss", "accuracy"}; }
  QuantumLoss train(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) override;
  Tensor evaluate(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) override;

 private:
  struct Pass {
    autograd::Variable logits;
    ops::LossSum loss;
  };
  Pass run(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics);

  std::unique_ptr<nn::Module> model_;
  ops::CrossEntropyOptions loss_;
};

}  // namespace tessera
