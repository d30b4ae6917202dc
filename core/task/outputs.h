// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/data/dataset.h"
#include "core/nn/module.h"

namespace tessera {

/// What a model makes of a batch's inputs. An nn::TextScorer is also told token types and lengths, as far as the batch has them.
autograd::Variable outputs_of(nn::Module& model, const data::Batch& batch, nn::ForwardContext& context);

}  // namespace tessera
