// SPDX-License-Identifier: Apache-2.0
// Opening, verifying and reading checkpoints. Everything throws Error(checkpoint) that names the file.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/checkpoint/folder.h"
#include "core/checkpoint/manifest.h"
#include "core/checkpoint/state.h"

namespace tessera::checkpoint {

struct Checkpoint {
  std::filesystem::path path;
  Manifest manifest;
};

/// Reads and checks the manifest and its text twin, and that every file is there with its size. Does not read the files.
Checkpoint open_checkpoint(const std::filesystem::path& folder);

/// Reads every `parts`-th file, beginning with `part`, and compares its checksum: together, all parts find any changed bit. Every
/// rank may take a part; with (0, 1) one takes all.
void verify_part(const Checkpoint& checkpoint, int part, int parts);

/// The newest checkpoint whose manifest and checksums hold. `skipped` receives a line for each newer one that does not.
std::optional<Checkpoint> newest_sound(const std::filesystem::path& checkpoints, std::vector<std::string>& skipped);

/// Which tensors of the checkpoint must be in the entries.
enum class Match {
  all,      ///< every one: a resume
  weights,  ///< parameters and buffers: evaluation
};

/// Fills the entries' tensors, of any strides. Before anything is read, a tensor that is missing, left over, or of another
/// shape, dtype or role is an error that names it with both shapes and the folder. What is read is compared with its checksum; after
/// such an error the entries hold a mixture.
void read_into(const Checkpoint& checkpoint, std::span<const StateEntry> entries, Match match = Match::all);

/// Fills ranges of tensors, for ranks that hold shards. Each must name a tensor of the checkpoint of equal shape and dtype.
void read_slices(const Checkpoint& checkpoint, std::span<const Slice> slices);

}  // namespace tessera::checkpoint
