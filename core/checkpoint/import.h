// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <span>

#include "core/checkpoint/state.h"
#include "core/config/recipe.h"

namespace tessera::checkpoint {

/// Fills the entries from weights (WeightFiles: a safetensors file, an index of several, a checkpoint of llama2.c) whose names, after `rules.rename`, are theirs; names
/// in which a pattern of `rules.skip` is found are left out on both sides. F64, F16 and BF16 become f32 (F64 rounded to nearest); tensors of integers are refused.
/// Shapes may differ by dims of size 1 at the end. `rules.strict`: every other tensor of either side must have its counterpart, except num_batches_tracked. Throws
/// Error(data), before anything is written, that names the tensor that is missing, left over, or of another shape or type, and says how many fit, or the two that get
/// one name; also where not one tensor has a counterpart. Throws Error(usage) for a pattern of `rules.skip` that is found nowhere.
void import_weights(std::span<const StateEntry> entries, const std::filesystem::path& file, const config::InitConfig& rules);

}  // namespace tessera::checkpoint
