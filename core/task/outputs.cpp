// SPDX-License-Identifier: Apache-2.0
#include "core/task/outputs.h"

namespace tessera {

nn::TextInput text_of(const data::Batch& batch) {
  const auto known = [&](std::string_view name) {
    const Tensor* found = batch.find(name);
    return found ? *found : Tensor();
  };
  return {batch.at(data::kInputs), known(data::kTokenTypes), known(data::kLengths)};
}

autograd::Variable outputs_of(nn::Module& model, const data::Batch& batch, nn::ForwardContext& context) {
  auto* const scorer = dynamic_cast<nn::TextScorer*>(&model);
  return scorer ? scorer->scores(text_of(batch), context) : model(autograd::Variable(batch.at(data::kInputs)), context);
}

}  // namespace tessera
