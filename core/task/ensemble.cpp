// SPDX-License-Identifier: Apache-2.0
#include "core/task/ensemble.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"

namespace tessera {
namespace {

/// Adds the softmax of every row of f32 [rows, columns].
void add_probabilities(const Tensor& scores, std::vector<double>& sums) {
  const Tensor dense = contiguous(scores);
  const int64_t rows = dense.shape()[0], columns = dense.shape()[1];
  sums.resize(static_cast<size_t>(rows * columns), 0.0);
  std::vector<double> powers(static_cast<size_t>(columns));
  for (int64_t row = 0; row < rows; ++row) {
    const float* from = dense.data<float>() + row * columns;
    const auto largest = static_cast<double>(*std::max_element(from, from + columns));
    double all = 0.0;
    for (int64_t i = 0; i < columns; ++i) all += powers[static_cast<size_t>(i)] = std::exp(static_cast<double>(from[i]) - largest);
    for (int64_t i = 0; i < columns; ++i) sums[static_cast<size_t>(row * columns + i)] += powers[static_cast<size_t>(i)] / all;
  }
}

}  // namespace

Ensemble::Ensemble(std::vector<std::unique_ptr<Task>> members) : members_(std::move(members)) {
  TESSERA_ASSERT(!members_.empty(), "an ensemble has members");
  for (const auto& member : members_) {
    if (!member->classifies()) throw Error(ErrorKind::usage, "the task does not classify, so that there are no probabilities to average", "task.kind", "evaluate one checkpoint at a time");
  }
}

QuantumLoss Ensemble::train(const data::Batch&, nn::ForwardContext&, Metrics&) {
  throw Error(ErrorKind::usage, "an ensemble is not trained as one", "task", "train its members");
}

Tensor Ensemble::evaluate(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics) {
  std::vector<double> sums;
  Tensor scores;
  for (const auto& member : members_) {
    Metrics unused(member->metric_names());
    scores = member->evaluate(batch, context, unused);
    add_probabilities(scores, sums);
  }
  scores = Tensor::empty(scores.shape());
  const auto count = static_cast<double>(members_.size());
  for (size_t i = 0; i < sums.size(); ++i) {
    // No probability is quite 0, so that no loss is infinite; what is not a number stays so.
    scores.data<float>()[i] = static_cast<float>(std::log(sums[i] < std::numeric_limits<double>::min() ? std::numeric_limits<double>::min() : sums[i] / count));
  }
  score(scores, batch, metrics);
  return scores;
}

}  // namespace tessera
