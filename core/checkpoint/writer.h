// SPDX-License-Identifier: Apache-2.0
// Writing a checkpoint, by one process or by the ranks of a job together:
//   rank 0     begin(checkpoints, step)                              then a barrier
//   each rank  write_part(temporary, slices, part)                   the records are gathered at rank 0
//   rank 0     commit(checkpoints, manifest, records)                or abandon(checkpoints, step) where any rank failed
// All of it throws Error(checkpoint) with the path; a full disk is one such error. Until commit() renames, nothing that is
// there already is touched. May run in a thread of its own while training goes on, on a copy of the tensors.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "core/checkpoint/manifest.h"
#include "core/checkpoint/state.h"

namespace tessera::checkpoint {

/// Makes an empty step_N.tmp, and `checkpoints` where missing; returns its path.
std::filesystem::path begin(const std::filesystem::path& checkpoints, int64_t step);

/// Writes part_<part>.safetensors: a whole tensor under its name and shape, a piece as one dim named `name[begin:end]`. On
/// return it is on the disk. A file that could not be finished is removed.
PartRecord write_part(const std::filesystem::path& temporary, std::span<const Slice> slices, int part);

struct Committed {
  std::filesystem::path path;
  std::filesystem::path moved_aside;  ///< an unsound folder that had this name; empty where there was none
};

/// Adds the parts to `manifest`, checks that every file is there with its size, writes the manifest last, and renames step_N.tmp to
/// step_N. A sound checkpoint of that step is exchanged for the new one, an unsound one moved aside.
Committed commit(const std::filesystem::path& checkpoints, Manifest manifest, std::span<const PartRecord> parts);

/// Removes step_N.tmp; never throws.
void abandon(const std::filesystem::path& checkpoints, int64_t step) noexcept;

/// All of the above in one process. On failure step_N.tmp is removed and the error thrown on.
Committed save(const std::filesystem::path& checkpoints, const Manifest& manifest, std::span<const StateEntry> entries, int parts = 1);

}  // namespace tessera::checkpoint
