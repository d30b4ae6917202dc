// SPDX-License-Identifier: Apache-2.0
#include "core/task/classification.h"

#include "core/base/error.h"
#include "core/ops/arithmetic.h"
#include "core/task/outputs.h"

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
  fields.add("top_k", top_k,
             {.doc = "above 1: also count as metric accuracy_top<k> the samples whose class is among so many likeliest", .effect = config::Effect::free,
              .minimum = 1, .maximum = 1000, .late = true});
  mixing.declare(fields);
}

Classification::Classification(std::unique_ptr<nn::Module> model, const ClassificationConfig& settings)
    : model_(std::move(model)), loss_(options_of(settings)), mixing_(settings.mixing), top_k_(settings.top_k) {
  if (mixing_.active() && dynamic_cast<nn::TextScorer*>(model_.get())) {
    throw Error(ErrorKind::usage, "token ids cannot be mixed", mixing_.mixup > 0.0 ? "task.mixup" : "task.cutmix", "set it to 0");
  }
  model_->name_tree();
}

std::vector<std::string> Classification::metric_names() const {
  std::vector<std::string> names = {"loss", "accuracy"};
  if (top_k_ > 1) names.push_back("accuracy_top" + std::to_string(top_k_));
  return names;
}

ops::LossSum Classification::loss_of(const autograd::Variable& logits, const nn::ForwardContext& context, const Tensor& targets,
                                     const Tensor& row_weights) const {
  ops::CrossEntropyOptions options = loss_;
  options.row_weights = row_weights;
  ops::LossSum loss = ops::cross_entropy(logits, targets, options);
  for (const nn::AuxiliaryOutput& head : context.auxiliary()) {
    loss.sum = ops::add(loss.sum, ops::multiply(ops::cross_entropy(head.output, targets, options).sum, head.weight));
  }
  return loss;
}

void Classification::report(const Pass& pass, const Tensor& targets, const data::Batch& batch, Metrics& metrics) const {
  metrics.add(0, static_cast<double>(pass.loss.sum.value().data<float>()[0]), pass.loss.weight);
  const auto counted = static_cast<double>(batch.samples) - static_cast<double>(batch.skipped.size());
  const std::optional<int64_t> skipped = batch.skipped.empty() ? std::nullopt : std::optional(data::kSkippedClass);
  metrics.add(1, static_cast<double>(ops::count_correct(pass.logits.value(), targets, skipped)), counted);
  if (top_k_ > 1) metrics.add(2, static_cast<double>(ops::count_correct(pass.logits.value(), targets, skipped, top_k_)), counted);
}

Classification::Pass Classification::run(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) {
  const Tensor& targets = batch.at(data::kTargets);
  const Tensor* weights = batch.find(data::kWeights);
  const autograd::Variable logits = outputs_of(*model_, batch, context);
  const Pass pass{logits, loss_of(logits, context, targets, weights ? *weights : Tensor())};
  report(pass, targets, batch, metrics);
  return pass;
}

Classification::Pass Classification::run_mixed(const data::Batch& batch, const MixPlan& plan, nn::ForwardContext& context, Metrics& metrics) {
  const Tensor& targets = batch.at(data::kTargets);
  const Tensor* weights = batch.find(data::kWeights);
  const MixedSamples mixed = mix(plan, batch.at(data::kInputs), targets, weights ? *weights : Tensor());
  const autograd::Variable logits = (*model_)(autograd::Variable(mixed.inputs), context);
  const ops::LossSum own = loss_of(logits, context, targets, mixed.own_weights);
  const ops::LossSum partner = loss_of(logits, context, mixed.partner_targets, mixed.partner_weights);
  const Pass pass{logits, {ops::add(own.sum, partner.sum), own.weight + partner.weight}};
  report(pass, plan.share >= 0.5f ? targets : mixed.partner_targets, batch, metrics);
  return pass;
}

QuantumLoss Classification::train(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) {
  const MixPlan plan = mixing_.active() ? plan_mix(mixing_, batch.at(data::kInputs), context) : MixPlan();
  const ops::LossSum loss = (plan.kind == MixPlan::Kind::none ? run(batch, context, metrics) : run_mixed(batch, plan, context, metrics)).loss;
  return {loss.sum, loss.weight};
}

void Classification::score(const Tensor& scores, const data::Batch& batch, Metrics& metrics) {
  const autograd::NoGrad no_grad;
  const Tensor& targets = batch.at(data::kTargets);
  const Tensor* weights = batch.find(data::kWeights);
  const autograd::Variable logits(scores);
  report({logits, loss_of(logits, nn::ForwardContext(false, 0, 0, 0), targets, weights ? *weights : Tensor())}, targets, batch, metrics);
}

Tensor Classification::evaluate(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) {
  const autograd::NoGrad no_grad;
  return run(batch, context, metrics).logits.value();
}

}  // namespace tessera
