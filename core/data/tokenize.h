// SPDX-License-Identifier: Apache-2.0
// Text files to token shards.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/text/tokenizer.h"

namespace tessera::data {

struct TokenizePlan {
  std::vector<std::filesystem::path> inputs;  ///< in this order; see DocumentReader
  std::filesystem::path out;                  ///< folder, made where it is missing
  std::string name = "tokens";                ///< shards are NAME_000000.bin, ...; NAME.json says how far they are
  std::string key = "text";                   ///< of the text in lines of JSON
  int64_t shard_tokens = 100'000'000;
  int threads = 1;  ///< changes nothing in the files
};

struct TokenizeProgress {
  uint64_t done_bytes = 0, all_bytes = 0;  ///< of the inputs as they lie on disk
  uint64_t resumed_bytes = 0;              ///< of them, from an earlier call
  int64_t tokens = 0;                      ///< in shards and on the way
  int64_t shards = 0;                      ///< finished
};
using TokenizeObserver = std::function<void(const TokenizeProgress&)>;

/// Writes the tokens of all documents, one after the other, each with the tokenizer's separator (if it has one) before it. Every shard but the last has exactly
/// `shard_tokens`. An interrupted call is taken up behind its last finished shard by the same call. Throws Error(usage) for a vocabulary beyond 16 bits and where
/// `out` holds shards of this name from another plan; Error(data) for broken inputs, naming file and line.
TokenizeProgress tokenize_files(const text::Tokenizer& tokenizer, const TokenizePlan& plan, const TokenizeObserver& observer);

}  // namespace tessera::data
