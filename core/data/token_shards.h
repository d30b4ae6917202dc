// SPDX-License-Identifier: Apache-2.0
// Token ids on disk, in the format of llm.c (Karpathy 2024): 256 numbers i32 (magic 20240520, version 1, count of tokens, zeros), then the tokens, u16 each.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/file.h"

namespace tessera::data {

/// Ids of 16 bits: a vocabulary has at most so many.
inline constexpr int64_t kMostShardVocabulary = 65536;
inline constexpr int64_t kMostShardTokens = INT32_MAX;

using ShardToken = uint16_t;

/// A checked shard, memory-mapped.
class TokenShard {
 public:
  /// Throws Error(data) for a file that is no shard, of another version, or cut short.
  explicit TokenShard(const std::filesystem::path& path);

  std::span<const ShardToken> tokens() const { return tokens_; }
  const std::filesystem::path& path() const { return map_.path(); }

 private:
  MappedFile map_;
  std::span<const ShardToken> tokens_;
};

/// Writes a shard as a whole or not at all (core/base/file.h). At most kMostShardTokens.
void write_token_shard(const std::filesystem::path& path, std::span<const ShardToken> tokens);

/// The shards of each split: files or patterns (find_shards) below `root`; empty: there is no such split.
struct ShardSplits {
  std::string root, train, validation, test;
};

/// Throws Error(usage) for a split that is not given, Error(data) for shards that are missing or broken.
std::vector<std::shared_ptr<const TokenShard>> open_shards(const ShardSplits& splits, std::string_view split);

/// Of all tokens, or of evenly spaced blocks where there are more than one likes to read at the start of a run.
uint64_t checksum_of(std::span<const ShardToken> tokens);

}  // namespace tessera::data
