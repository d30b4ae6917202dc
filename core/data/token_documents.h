// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/data/token_shards.h"

namespace tessera::data {

/// The documents of token shards, in order. A separator stands before each of them (tessera tokenize); what a shard has before its first one is the rest of a document, and is taken
/// for one.
class TokenDocuments {
 public:
  /// Reads all tokens once. Throws Error(data), which names shard and place, for a shard without `separator` and for ids that are not below `vocabulary`.
  TokenDocuments(std::vector<std::shared_ptr<const TokenShard>> shards, ShardToken separator, int64_t vocabulary);

  /// Of documents; none is empty.
  int64_t count() const { return static_cast<int64_t>(documents_.size()); }
  std::span<const ShardToken> at(int64_t document) const { return documents_[static_cast<size_t>(document)]; }
  /// Of the first shard, for messages.
  std::string where() const { return shards_.front()->path().string(); }
  /// Equal for equal tokens, whatever files they come from.
  std::string fingerprint() const;

 private:
  void add_documents_of(const TokenShard& shard, ShardToken separator);

  std::vector<std::shared_ptr<const TokenShard>> shards_;
  std::vector<std::span<const ShardToken>> documents_;
};

}  // namespace tessera::data
