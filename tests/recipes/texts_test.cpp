// SPDX-License-Identifier: Apache-2.0
// BERT on whole texts: what pads a batch changes scores and gradients by rounding alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/autograd/engine.h"
#include "core/nn/flat_parameters.h"
#include "core/task/classification.h"
#include "recipes/language/bert/bert.h"

namespace tessera {
namespace {

constexpr int64_t kLengths[] = {3, 14, 8};

data::Batch padded(int64_t places) {
  const Tensor ids = Tensor::zeros({3, places}, DType::i64), types = Tensor::zeros({3, places}, DType::i64);
  for (int64_t row = 0; row < 3; ++row) {
    for (int64_t i = 0; i < kLengths[row]; ++i) {
      ids.data<int64_t>()[row * places + i] = 1 + (7 * row + i * i) % 29;
      types.data<int64_t>()[row * places + i] = i > 4;
    }
  }
  data::Batch batch;
  batch.samples = 3;
  batch.tensors = {{std::string(data::kInputs), ids}, {std::string(data::kTokenTypes), types}, {std::string(data::kLengths), Tensor::of<int64_t>(kLengths, {3})},
                   {std::string(data::kTargets), Tensor::of<int64_t>(std::vector<int64_t>{0, 2, 1}, {3})}};
  return batch;
}

TEST(Texts, PaddingDoesNotCountForBert) {
  Classification task(recipes::make_bert({.head = "scores", .outputs = 3, .vocabulary = 30, .context = 64, .layers = 2, .heads = 2, .width = 16, .dropout = 0.0}));
  nn::FlatParameters parameters(task.model(), 5);
  autograd::Engine engine;
  const auto pass = [&](int64_t places) {
    for (const auto& leaf : parameters.leaves()) leaf->reset();
    Metrics metrics(task.metric_names());
    nn::ForwardContext context(true, 1, 0, 0), evaluation(false, 1, 0, 0);
    engine.backward(task.train(padded(places), context, metrics).loss_sum, parameters.leaves());
    const Tensor scores = task.evaluate(padded(places), evaluation, metrics), gradient = parameters.gradients();
    std::vector<float> numbers(scores.data<float>(), scores.data<float>() + scores.elements());
    numbers.insert(numbers.end(), gradient.data<float>(), gradient.data<float>() + gradient.elements());
    return numbers;
  };
  const std::vector<float> cut = pass(16), whole = pass(64);
  ASSERT_EQ(cut.size(), whole.size());
  float largest = 0.0f, furthest = 0.0f;
  for (size_t i = 0; i < cut.size(); ++i) {
    largest = std::max(largest, std::abs(cut[i]));
    furthest = std::max(furthest, std::abs(cut[i] - whole[i]));
  }
  EXPECT_GT(largest, 0.1f);
  EXPECT_LT(furthest, 1e-6f * largest);
}

}  // namespace
}  // namespace tessera
