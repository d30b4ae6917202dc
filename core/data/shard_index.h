// SPDX-License-Identifier: Apache-2.0
// Where the samples of a tar shard lie, so that any of them is one read. A sample is a run of members whose names agree up to the first dot of the file
// name: one image (.jpg, .jpeg, .png, .webp, in any case) and one .cls, the class id in decimal digits; other members are left alone.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::data {

struct ShardSample {
  uint64_t offset_bytes = 0;  ///< of the image's bytes in the shard
  uint32_t size_bytes = 0;
  int32_t label = 0;
};

struct ShardIndex {
  uint64_t shard_bytes = 0;       ///< size and time of the shard that was read; another shard has another index
  int64_t shard_modified_ns = 0;  ///< since 1970
  std::vector<ShardSample> samples;
  std::vector<std::string> names;  ///< of the images' members, one a sample
};

/// Reads the shard's headers. Throws Error(data) naming shard and member: no sound tar archive, compressed, a sample without image or class, with two
/// of one of them, or with a class that is no number.
ShardIndex scan_shard(const std::filesystem::path& shard);

/// The index as bytes, with a checksum at the end, and back. `where` names the file in errors; damage, another version and contents that do not fit
/// together are Error(data).
std::string encode_index(const ShardIndex& index);
ShardIndex decode_index(std::span<const std::byte> bytes, std::string_view where);

/// SHARD.index beside the shard; in `folder`, where that is not empty, under a name that also tells the shard's folder.
std::filesystem::path index_file(const std::filesystem::path& shard, const std::filesystem::path& folder);

struct FoundIndex {
  std::optional<ShardIndex> index;  ///< none: the shard has to be scanned
  std::string problem;              ///< one line, where there is an index that cannot be used
};

/// Reads `file`, the index of `shard`. Throws Error(data) where the shard itself cannot be read.
FoundIndex find_index(const std::filesystem::path& shard, const std::filesystem::path& file);

}  // namespace tessera::data
