// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "core/config/recipe.h"
#include "core/data/text_table.h"
#include "distributed/runtime.h"

namespace tessera::launcher {

/// Collective, before data sets are opened. Rank 0 makes what the splits need on disk (indexes of shards) and shows how far it is; the others wait.
/// False where a signal (stop_signal.h) stopped it: what is made stays. Throws AgreedError.
bool prepare_data(distributed::Runtime& runtime, const config::DataBlock& data, std::span<const std::string> splits);

/// Shows how far the reading of a split is, where it takes long; says nothing unless `enabled`.
data::ReadingProgress reading_progress(bool enabled, const std::string& split);

}  // namespace tessera::launcher
