// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/text/tokenizer.h"

namespace tessera::text {

/// BPE with scores as llama2.c (Karpathy 2023) stores it in tokenizer.bin and applies it: the pair whose token has the highest score is merged first. Ids 0, 1, 2 are
/// <unk>, <s>, </s>; 3 to 258 the bytes.
class Llama2cTokenizer final : public Tokenizer {
 public:
  /// The contents of the file: i32 the longest token; then for each token f32 score, i32 length, bytes. Throws Error(data) where it is cut short or broken.
  Llama2cTokenizer(std::string_view file, const std::string& name);

  std::string_view kind() const override { return "llama2c"; }
  int64_t vocabulary() const override { return static_cast<int64_t>(tokens_.size()); }
  /// A space is put before the text. No <s>.
  void encode(std::string_view bytes, std::vector<TokenId>& ids) const override;
  /// Without that space; <s> and </s> have no text.
  std::string decode(std::span<const TokenId> ids) const override;
  using Tokenizer::encode;

 private:
  struct Token {
    std::string text;
    float score;
  };

  void encode_character(std::string_view character, std::vector<TokenId>& ids) const;
  std::string_view text_of(TokenId id) const;

  std::vector<Token> tokens_;
  std::unordered_map<std::string_view, TokenId> ids_;  // of texts; views of tokens_
};

}  // namespace tessera::text
