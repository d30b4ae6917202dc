// SPDX-License-Identifier: Apache-2.0
// The weights of a model as one safetensors file: parameters and buffers, keys in byte order, no metadata, logical row-major
// order, tied tensors once (under the name of the first entry), no num_batches_tracked.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/checkpoint/reader.h"
#include "core/checkpoint/state.h"

namespace tessera::checkpoint {

/// SHA-256, 64 hexadecimal digits, of the bytes that export_weights() writes. Writes nothing.
std::string weights_sha256(std::span<const StateEntry> entries);

/// Writes `path` (a temporary file beside it is renamed) and returns its SHA-256. Throws Error(checkpoint).
std::string export_weights(std::span<const StateEntry> entries, const std::filesystem::path& path);

/// The parameters and buffers of a checkpoint, read into new tensors.
std::vector<StateEntry> read_weights(const Checkpoint& checkpoint);

/// Likewise with the moving averages in place of the parameters. Throws Error(checkpoint) where there are none.
std::vector<StateEntry> read_averages(const Checkpoint& checkpoint);

}  // namespace tessera::checkpoint
