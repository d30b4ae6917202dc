// SPDX-License-Identifier: Apache-2.0
#include "core/task/classification.h"

#include "core/ops/loss.h"

namespace tessera {

Classification::Classification(std::unique_ptr<nn::Module> model) : model_(std::move(model)) { model_->name_tree(); }

Classification::Pass Classification::run(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) {
  const Tensor& targets = batch.at(data::kTargets);
  const autograd::Variable logits = (*model_)(autograd::Variable(batch.at(data::kInputs)), context);
  const autograd::Variable loss = ops::cross_entropy(logits, targets);
  const auto samples = static_cast<double>(batch.samples);
  metrics.add(0, static_cast<double>(loss.value().data<float>()[0]), samples);
  metrics.add(1, static_cast<double>(ops::count_correct(logits.value(), targets)), samples);
  return {logits, loss};
}

QuantumLoss Classification::train(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) {
  return {run(batch, context, metrics).loss_sum, static_cast<double>(batch.samples)};
}

Tensor Classification::evaluate(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) {
  const autograd::NoGrad no_grad;
  return run(batch, context, metrics).logits.value();
}

}  // namespace tessera
