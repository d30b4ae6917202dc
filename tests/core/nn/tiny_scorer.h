// SPDX-License-Identifier: Apache-2.0
// A model of texts for tests: the mean of the embeddings that count, and a linear layer on it.
#pragma once

#include <memory>
#include <string>

#include "core/nn/embedding.h"
#include "core/nn/layers.h"
#include "core/nn/text_scorer.h"
#include "core/ops/arithmetic.h"
#include "core/ops/reduction.h"

namespace tessera::nn {

class TinyScorer final : public TextScorer {
 public:
  TinyScorer(int64_t ids, int64_t outputs)
      : words_(add("words", std::make_unique<Embedding>(ids, 8))), types_(add("types", std::make_unique<Embedding>(2, 8))), head_(add("head", std::make_unique<Linear>(8, outputs))) {}

  std::string kind() const override { return "TinyScorer"; }
  Variable scores(const TextInput& input, ForwardContext& context) override {
    const int64_t samples = input.ids.shape()[0], tokens = input.ids.shape()[1];
    const Tensor shares = Tensor::zeros({samples, tokens, 1});
    for (int64_t row = 0; row < samples; ++row) {
      const int64_t length = input.lengths.defined() ? input.lengths.data<int64_t>()[row] : tokens;
      for (int64_t i = 0; i < length; ++i) shares.data<float>()[row * tokens + i] = 1.0f / static_cast<float>(length);
    }
    Variable seen = words_(Variable(input.ids), context);
    if (input.types.defined()) seen = ops::add(seen, types_(Variable(input.types), context));
    return head_(ops::sum(ops::multiply(seen, Variable(shares)), {1}), context);
  }

 private:
  Embedding &words_, &types_;
  Linear& head_;
};

}  // namespace tessera::nn
