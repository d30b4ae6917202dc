// SPDX-License-Identifier: Apache-2.0
#include "core/task/outputs.h"

#include "core/nn/text_scorer.h"

namespace tessera {

autograd::Variable outputs_of(nn::Module& model, const data::Batch& batch, nn::ForwardContext& context) {
  const Tensor& inputs = batch.at(data::kInputs);
  auto* const scorer = dynamic_cast<nn::TextScorer*>(&model);
  if (!scorer) return model(autograd::Variable(inputs), context);
  const auto known = [&](std::string_view name) {
    const Tensor* found = batch.find(name);
    return found ? *found : Tensor();
  };
  return scorer->scores({inputs, known(data::kTokenTypes), known(data::kLengths)}, context);
}

}  // namespace tessera
