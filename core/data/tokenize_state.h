// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tessera::data {

/// How far a folder of shards is: what its .json file says.
struct TokenizeState {
  std::string identity;            ///< of inputs, tokenizer and settings
  int64_t shards = 0;              ///< finished
  size_t input = 0;                ///< file whose tokens the next shard begins with,
  int64_t document = 0;            ///< its document,
  int64_t tokens_of_document = 0;  ///< and how many of its tokens are in shards already
  uint64_t done_bytes = 0;         ///< of the inputs, for the progress
  int64_t all_tokens = 0;          ///< once finished
  bool finished = false;
};

std::string text_of_state(const TokenizeState& state);
/// Throws Error(data) that begins with `where`.
TokenizeState parse_state(std::string_view text, const std::string& where);

}  // namespace tessera::data
