// SPDX-License-Identifier: Apache-2.0
#include "core/task/regression.h"

#include <cmath>

#include "core/base/error.h"
#include "core/ops/arithmetic.h"
#include "core/ops/loss.h"
#include "core/ops/view.h"
#include "core/task/correlation.h"
#include "core/task/outputs.h"

namespace tessera {
namespace {

/// A sample that weighs nothing gets an error of 0, since its target is 0 as well: for weights of 0 and 1, w (x - t)^2 is (w x - w t)^2.
autograd::Variable weighted(const autograd::Variable& outputs, const Tensor& weights) {
  if (!weights.defined()) return outputs;
  Shape shape = outputs.shape();
  for (size_t dim = 1; dim < shape.dims(); ++dim) shape[dim] = 1;
  return ops::multiply(outputs, autograd::Variable(weights.reshape(shape)));
}

std::vector<double> numbers_of(const Tensor& tensor) {
  const Tensor dense = contiguous(tensor);
  return {dense.data<float>(), dense.data<float>() + dense.elements()};
}

}  // namespace

Regression::Regression(std::unique_ptr<nn::Module> model) : model_(std::move(model)) { model_->name_tree(); }

Regression::Pass Regression::run(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) {
  const Tensor& targets = batch.at(data::kTargets);
  const autograd::Variable raw = outputs_of(*model_, batch, context);
  if (targets.dtype() != DType::f32 || raw.value().elements() != targets.elements()) {
    throw Error(ErrorKind::usage, "a batch has targets " + std::string(name_of(targets.dtype())) + " " + targets.shape().text() + ", but the model's outputs are " + raw.shape().text(),
                "task.kind", "regression takes data with scores, and a model with as many outputs as a sample has");
  }
  const Pass pass{ops::reshape(raw, targets.shape()), {}};
  const Tensor* weights = batch.find(data::kWeights);
  const ops::LossSum loss = ops::squared_error(weighted(pass.outputs, weights ? *weights : Tensor()), targets);
  const auto counted = static_cast<double>(batch.samples) - static_cast<double>(batch.skipped.size());
  metrics.add(0, static_cast<double>(loss.sum.value().data<float>()[0]), counted);
  return {pass.outputs, {loss.sum, counted}};
}

QuantumLoss Regression::train(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) { return run(batch, context, metrics).loss; }

Tensor Regression::evaluate(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) {
  const autograd::NoGrad no_grad;
  return run(batch, context, metrics).outputs.value();
}

std::vector<double> Regression::split_metrics(const Tensor& outputs, const Tensor& targets) const {
  const std::vector<double> all_outputs = numbers_of(outputs), all_targets = numbers_of(targets);
  std::vector<double> x, y;
  for (size_t i = 0; i < all_targets.size(); ++i) {
    if (std::isnan(all_targets[i])) continue;  // a skipped sample's
    x.push_back(all_outputs[i]);
    y.push_back(all_targets[i]);
  }
  return {pearson(x, y), spearman(x, y)};
}

}  // namespace tessera
