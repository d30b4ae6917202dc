// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "core/task/task.h"

namespace tessera {

/// Class ids from inputs by softmax cross-entropy; metrics: loss and accuracy.
class Classification final : public Task {
 public:
  explicit Classification(std::unique_ptr<nn::Module> model);

  nn::Module& model() override { return *model_; }
  std::vector<std::string> metric_names() const override { return {"loss", "accuracy"}; }
  QuantumLoss train(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) override;
  Tensor evaluate(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) override;

 private:
  struct Pass {
    autograd::Variable logits, loss_sum;
  };
  Pass run(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics);

  std::unique_ptr<nn::Module> model_;
};

}  // namespace tessera
