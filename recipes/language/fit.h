// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/config/kinds.h"
#include "core/data/dataset.h"

namespace tessera::recipes {

/// Throws Error(usage) unless samples are windows of no more than `context` tokens (model.context) with ids below `vocabulary` (model.vocabulary).
void check_tokens(const config::KindBlock& model, int64_t vocabulary, int64_t context, const data::Dataset& dataset);

/// The same of data that say for themselves below what number their ids are, and whose targets are something else.
void check_texts(const config::KindBlock& model, int64_t vocabulary, int64_t context, const data::Dataset& dataset);

/// Throws Error(usage) unless `heads` divide `width`.
void check_heads(int64_t width, int64_t heads);

}  // namespace tessera::recipes
