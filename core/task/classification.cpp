// SPDX-License-Identifier: Apache-2.0
#include "core/task/classification.h"

#include "core/ops/arithmetic.h"

namespace tessera {
namespace {

ops::CrossEntropyOptions options_of(const ClassificationConfig& settings) {
  ops::CrossEntropyOptions options{.label_smoothing = settings.label_smoothing, .class_weights = {}, .ignore_index = {}};
  if (settings.class_weights.empty()) return options;
  const std::vector<float> weights(settings.class_weights.begin(), settings.class_weights.end());
  options.class_weights = Tensor::of<float>(weights, {static_cast<int64_t>(weights.size())});
  return options;
}

}  // namespace

void ClassificationConfig::declare(config::Fields& fields) {
  fields.add("label_smoothing", label_smoothing,
             {.doc = "share of each target that is spread evenly over the classes", .minimum = 0, .below = 1, .late = true});
  fields.add("class_weights", class_weights,
             {.doc = "what a sample of each class counts in the loss and its mean; []: all the same", .minimum = 0, .late = true});
}

Classification::Classification(std::unique_ptr<nn::Module> model, const ClassificationConfig& settings)
    : model_(std::move(model)), loss_(options_of(settings)) {
  model_->name_tree();
}

Classification::Pass Classification::run(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) {
  const Tensor& targets = batch.at(data::kTargets);
  const autograd::Variable logits = (*model_)(autograd::Variable(batch.at(data::kInputs)), context);
  ops::LossSum loss = ops::cross_entropy(logits, targets, loss_);
  for (const nn::AuxiliaryOutput& head : context.auxiliary()) {
    loss.sum = ops::add(loss.sum, ops::multiply(ops::cross_entropy(head.output, targets, loss_).sum, head.weight));
  }
  metrics.add(0, static_cast<double>(loss.sum.value().data<float>()[0]), loss.weight);
  metrics.add(1, static_cast<double>(ops::count_correct(logits.value(), targets)), static_cast<double>(batch.samples));
  return {logits, loss};
}

QuantumLoss Classification::train(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) {
  const ops::LossSum loss = run(batch, context, metrics).loss;
  return {loss.sum, loss.weight};
}

Tensor Classification::evaluate(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) {
  const autograd::NoGrad no_grad;
  return run(batch, context, metrics).logits.value();
}

}  // namespace tessera
