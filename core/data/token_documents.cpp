// SPDX-License-Identifier: Apache-2.0
#include "core/data/token_documents.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"

namespace tessera::data {
namespace {

void check_ids(const TokenShard& shard, int64_t vocabulary) {
  const std::span<const ShardToken> tokens = shard.tokens();
  ShardToken largest = 0;
  for (const ShardToken token : tokens) largest = std::max(largest, token);
  if (largest < vocabulary) return;
  const auto place = std::ranges::find_if(tokens, [&](ShardToken token) { return token >= vocabulary; }) - tokens.begin();
  throw Error(ErrorKind::data, fmt::format("token {} is {}, but the vocabulary has {} tokens", place, tokens[static_cast<size_t>(place)], vocabulary), shard.path().string(),
              "correct data.vocabulary, or make the shards anew");
}

}  // namespace

TokenDocuments::TokenDocuments(std::vector<std::shared_ptr<const TokenShard>> shards, ShardToken separator, int64_t vocabulary) : shards_(std::move(shards)) {
  for (const auto& shard : shards_) {
    check_ids(*shard, vocabulary);
    add_documents_of(*shard, separator);
  }
}

void TokenDocuments::add_documents_of(const TokenShard& shard, ShardToken separator) {
  const std::span<const ShardToken> tokens = shard.tokens();
  size_t begin = 0;
  bool found = false;
  const auto add = [&](size_t end) {
    if (end > begin) documents_.push_back(tokens.subspan(begin, end - begin));
  };
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] != separator) continue;
    found = true;
    add(i);
    begin = i + 1;
  }
  add(tokens.size());
  if (found) return;
  throw Error(ErrorKind::data, fmt::format("the shard has no separator, token {}, between documents", separator), shard.path().string(),
              "make the shards by tessera tokenize with BERT's vocabulary, or correct data.separator");
}

std::string TokenDocuments::fingerprint() const {
  std::string text;
  for (const auto& shard : shards_) text += fmt::format(" {}:{:x}", shard->tokens().size(), checksum_of(shard->tokens()));
  return text;
}

}  // namespace tessera::data
