// SPDX-License-Identifier: Apache-2.0
#include "core/task/language_modelling.h"

#include <algorithm>

#include "core/base/error.h"

namespace tessera {
namespace {

/// The weights of samples, once a token; undefined where all weigh the same.
Tensor token_weights(const data::Batch& batch) {
  const Tensor* samples = batch.find(data::kWeights);
  if (!samples) return {};
  const Tensor weights = Tensor::empty(batch.at(data::kTargets).shape());
  const int64_t tokens = weights.shape()[1];
  for (int64_t i = 0; i < weights.elements(); ++i) weights.data<float>()[i] = samples->data<float>()[i / tokens];
  return weights;
}

Tensor likeliest(const Tensor& logits) {
  const int64_t classes = logits.shape()[2];
  Tensor ids = Tensor::empty({logits.shape()[0], logits.shape()[1]}, DType::i64);
  for (int64_t row = 0; row < ids.elements(); ++row) {
    const float* first = logits.data<float>() + row * classes;
    ids.data<int64_t>()[row] = std::max_element(first, first + classes) - first;
  }
  return ids;
}

}  // namespace

LanguageModelling::LanguageModelling(std::unique_ptr<nn::Module> model) : model_(std::move(model)), decoder_(dynamic_cast<nn::Decoder*>(model_.get())) {
  if (!decoder_) throw Error(ErrorKind::usage, model_->kind() + " is no language model", "model.kind", "take gpt2 or llama, or another task");
  model_->name_tree();
}

std::vector<std::string> LanguageModelling::metric_names() const { return {"loss", std::string(kPerplexity)}; }

void LanguageModelling::report(const ops::LossSum& loss, Metrics& metrics) const {
  const auto sum = static_cast<double>(loss.sum.value().data<float>()[0]);
  metrics.add(0, sum, loss.weight);
  metrics.add(1, sum, loss.weight);
}

QuantumLoss LanguageModelling::train(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) {
  const ops::LossSum loss = decoder_->loss(batch.at(data::kInputs), batch.at(data::kTargets), token_weights(batch), context);
  report(loss, metrics);
  return {loss.sum, loss.weight};
}

Tensor LanguageModelling::evaluate(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) {
  const autograd::NoGrad no_grad;
  const autograd::Variable logits = (*model_)(autograd::Variable(batch.at(data::kInputs)), context);
  ops::CrossEntropyOptions options;
  options.row_weights = token_weights(batch);
  report(ops::cross_entropy(logits, batch.at(data::kTargets), options), metrics);
  return likeliest(logits.value());
}

}  // namespace tessera
