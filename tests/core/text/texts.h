// SPDX-License-Identifier: Apache-2.0
// Small vocabularies for tests.
#pragma once

#include <string>
#include <vector>

namespace tessera::test {

/// A GPT-2 vocabulary of the 256 bytes and what these merges make, then <|endoftext|>; `merges` in GPT-2's spelling.
std::string gpt2_encoder(const std::vector<std::string>& merges);
std::string gpt2_merges(const std::vector<std::string>& merges);

struct ScoredToken {
  std::string text;
  float score;
};
/// A tokenizer.bin of the special tokens, the bytes and these.
std::string llama2c_file(const std::vector<ScoredToken>& tokens);

}  // namespace tessera::test
