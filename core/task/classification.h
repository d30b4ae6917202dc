// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "core/config/fields.h"
#include "core/ops/loss.h"
#include "core/task/mixing.h"
#include "core/task/task.h"

namespace tessera {

struct ClassificationConfig {
  double label_smoothing = 0.0;
  std::vector<double> class_weights;  ///< one a class, or empty: all 1
  MixingConfig mixing = {};
  int64_t top_k = 1;  ///< above 1: also the accuracy of the k best classes
  void declare(config::Fields& fields);
};

/// Class ids from inputs by softmax cross-entropy; metrics: loss, accuracy and, with top_k, accuracy_top<k>. A sample weighs what its class and the batch's `weights` say, in the loss and
/// its mean; in the accuracy all weigh the same, but skipped ones nothing. Of two mixed samples the accuracy takes the one with the larger share. Losses of
/// a model's auxiliary heads are part of the loss in training.
class Classification final : public Task {
 public:
  /// `settings.class_weights` must fit the model's outputs; a batch throws Error(usage) otherwise. Throws Error(usage) where samples of a model of texts are to be mixed.
  explicit Classification(std::unique_ptr<nn::Module> model, const ClassificationConfig& settings = {});

  nn::Module& model() override { return *model_; }
  std::vector<std::string> metric_names() const override;
  QuantumLoss train(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) override;
  Tensor evaluate(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) override;
  bool classifies() const override { return true; }
  void score(const Tensor& scores, const data::Batch& batch, Metrics& metrics) override;

 private:
  struct Pass {
    autograd::Variable logits;
    ops::LossSum loss;
  };
  Pass run(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics);
  Pass run_mixed(const data::Batch& batch, const MixPlan& plan, nn::ForwardContext& context, Metrics& metrics);
  ops::LossSum loss_of(const autograd::Variable& logits, const nn::ForwardContext& context, const Tensor& targets, const Tensor& row_weights) const;
  void report(const Pass& pass, const Tensor& targets, const data::Batch& batch, Metrics& metrics) const;

  std::unique_ptr<nn::Module> model_;
  ops::CrossEntropyOptions loss_;
  MixingConfig mixing_;
  int64_t top_k_;
};

}  // namespace tessera
