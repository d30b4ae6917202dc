// SPDX-License-Identifier: Apache-2.0
#include "core/task/masked_language_modelling.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/ops/arithmetic.h"
#include "core/ops/loss.h"
#include "core/task/outputs.h"

namespace tessera {
namespace {

enum MaskedMetric : size_t { kLoss, kMaskedLoss, kMaskedPerplexity, kMaskedAccuracy, kNextSentenceLoss, kNextSentenceAccuracy };

/// How many tokens of each sample are predicted: f32 [samples].
Tensor predictions_of(const Tensor& targets) {
  const int64_t samples = targets.shape()[0], tokens = targets.shape()[1];
  const Tensor counts = Tensor::empty({samples});
  for (int64_t sample = 0; sample < samples; ++sample) {
    const int64_t* first = targets.data<int64_t>() + sample * tokens;
    counts.data<float>()[sample] = static_cast<float>(std::count_if(first, first + tokens, [](int64_t target) { return target >= 0; }));
  }
  return counts;
}

/// Samples that count and whose larger logit [samples, 2] is the target's.
double correct_relations(const Tensor& logits, const Tensor& targets, const Tensor& weights) {
  int64_t correct = 0;
  for (int64_t sample = 0; sample < targets.elements(); ++sample) {
    const float* row = logits.data<float>() + 2 * sample;
    const bool counts = !weights.defined() || weights.data<float>()[sample] > 0.0f;
    correct += counts && (row[1] > row[0] ? 1 : 0) == targets.data<int64_t>()[sample] ? 1 : 0;
  }
  return static_cast<double>(correct);
}

double number_in(const autograd::Variable& scalar) { return static_cast<double>(scalar.value().data<float>()[0]); }

}  // namespace

void MaskedLanguageModellingConfig::declare(config::Fields& fields) {
  fields.add("next_sentence", next_sentence, {.doc = "also learn whether the second of two texts follows the first; false: hidden tokens alone (Liu 2019)"});
}

MaskedLanguageModelling::MaskedLanguageModelling(std::unique_ptr<nn::Module> model, const MaskedLanguageModellingConfig& settings)
    : model_(std::move(model)), texts_(dynamic_cast<nn::MaskedLanguageModel*>(model_.get())), next_sentence_(settings.next_sentence) {
  if (!texts_) throw Error(ErrorKind::usage, model_->kind() + " predicts no hidden tokens", "model.kind", "take bert with head: pretraining, or another task");
  model_->name_tree();
}

std::vector<std::string> MaskedLanguageModelling::metric_names() const {
  std::vector<std::string> names = {"loss", "masked_loss", std::string(kPerplexity), "masked_accuracy"};
  if (next_sentence_) names.insert(names.end(), {"next_sentence_loss", "next_sentence_accuracy"});
  return names;
}

autograd::Variable MaskedLanguageModelling::next_sentence_loss(const autograd::Variable& features, const data::Batch& batch, nn::ForwardContext& context,
                                                               Metrics& metrics) {
  const Tensor* targets = batch.find(data::kNextSentence);
  if (!targets) throw Error(ErrorKind::usage, "the data have no pairs of texts", "task.next_sentence", "set data.next_sentence: true, or task.next_sentence: false");
  const autograd::Variable logits = texts_->relations(features, context);
  ops::CrossEntropyOptions options;
  options.row_weights = predictions_of(batch.at(data::kTargets));
  {
    const autograd::NoGrad no_grad;
    ops::CrossEntropyOptions plain;
    if (const Tensor* weights = batch.find(data::kWeights)) plain.row_weights = *weights;
    const ops::LossSum loss = ops::cross_entropy(logits, *targets, plain);
    metrics.add(kNextSentenceLoss, number_in(loss.sum), loss.weight);
    metrics.add(kNextSentenceAccuracy, correct_relations(logits.value(), *targets, plain.row_weights), loss.weight);
  }
  return ops::cross_entropy(logits, *targets, options).sum;
}

MaskedLanguageModelling::Pass MaskedLanguageModelling::run(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) {
  const autograd::Variable features = texts_->features(text_of(batch), context);
  const ops::LinearLoss masked = texts_->loss(features, batch.at(data::kTargets), context);
  const double sum = number_in(masked.loss.sum), weight = masked.loss.weight;
  metrics.add(kMaskedLoss, sum, weight);
  metrics.add(kMaskedPerplexity, sum, weight);
  metrics.add(kMaskedAccuracy, static_cast<double>(masked.correct), weight);
  const autograd::Variable total = next_sentence_ ? ops::add(masked.loss.sum, next_sentence_loss(features, batch, context, metrics)) : masked.loss.sum;
  metrics.add(kLoss, number_in(total), weight);
  return {features, {total, weight}};
}

QuantumLoss MaskedLanguageModelling::train(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) { return run(batch, context, metrics).loss; }

Tensor MaskedLanguageModelling::evaluate(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) {
  const autograd::NoGrad no_grad;
  const Pass pass = run(batch, context, metrics);
  return texts_->likeliest(pass.features, batch.at(data::kTargets), context);
}

}  // namespace tessera
