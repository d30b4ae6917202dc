// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <span>

#include "core/checkpoint/state.h"

namespace tessera::checkpoint {

/// Fills the entries from a safetensors file of the same names; other dtypes are converted to f32. `strict`: every tensor of either
/// side must have its counterpart. Throws Error(data) that names the missing, left over or wrongly shaped tensor, before anything
/// is written.
void import_weights(std::span<const StateEntry> entries, const std::filesystem::path& file, bool strict);

}  // namespace tessera::checkpoint
