// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/data/dataset.h"
#include "core/nn/text_scorer.h"

namespace tessera {

/// A batch's ids, with types and lengths as far as it has them.
nn::TextInput text_of(const data::Batch& batch);

/// What a model makes of a batch's inputs; an nn::TextScorer, of its text.
autograd::Variable outputs_of(nn::Module& model, const data::Batch& batch, nn::ForwardContext& context);

}  // namespace tessera
