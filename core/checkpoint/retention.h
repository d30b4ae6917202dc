// SPDX-License-Identifier: Apache-2.0
// What may be deleted in a run's checkpoints folder. The caller holds the run's lock.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace tessera::checkpoint {

/// Tidies up after a run that died: removes .tmp and .removing, puts a .replaced back where its checkpoint is missing and
/// removes it otherwise. Only folders with exactly such names (folder.h) are touched.
void remove_leftovers(const std::filesystem::path& checkpoints);

/// Deletes a checkpoint so that at no moment a folder that is named like a complete one lacks a part.
void remove_checkpoint(const std::filesystem::path& folder);

/// Keeps the `keep_last` (at least 1) newest complete checkpoints and deletes older complete ones. What does not open is
/// neither counted nor touched, and neither is that of step `kept`. Called after a commit. Returns what was deleted.
std::vector<std::filesystem::path> retain_newest(const std::filesystem::path& checkpoints, int keep_last, std::optional<int64_t> kept = {});

}  // namespace tessera::checkpoint
