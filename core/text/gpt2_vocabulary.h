// SPDX-License-Identifier: Apache-2.0
// GPT-2's two files. They write a byte as one printable character: most as themselves, the others as U+0100 and on.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/text/tokenizer.h"

namespace tessera::text {

/// encoder.json: bytes of a token -> id. Ids are 0..V-1, each once.
std::unordered_map<std::string, TokenId> parse_gpt2_vocabulary(std::string_view json, const std::string& name);

struct Gpt2Merge {
  std::string left, right;  ///< bytes
  size_t line;              ///< of the file, from 1
};

/// vocab.bpe or merges.txt, in the order of the file; a first line that begins with #version is skipped.
std::vector<Gpt2Merge> parse_gpt2_merges(std::string_view text, const std::string& name);

/// Bytes in the files' spelling, for messages.
std::string as_gpt2_spells(std::string_view bytes);

}  // namespace tessera::text
