// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "core/text/tokenizer.h"

namespace tessera::text {

/// A token a character. There are no special tokens.
class CharacterTokenizer final : public Tokenizer {
 public:
  /// `characters`: each once, in the order of their ids. `name` is for errors.
  CharacterTokenizer(std::string_view characters, const std::string& name);
  /// The characters of a text, in the order of their code points.
  static std::string characters_of(std::string_view text);

  std::string_view kind() const override { return "characters"; }
  int64_t vocabulary() const override { return static_cast<int64_t>(characters_.size()); }
  /// Bytes that are no UTF-8 are the character U+FFFD. Throws Error(data) naming a character that is not in the vocabulary.
  void encode(std::string_view bytes, std::vector<TokenId>& ids) const override;
  std::string decode(std::span<const TokenId> ids) const override;
  using Tokenizer::encode;

 private:
  std::vector<std::string> characters_;
  std::unordered_map<uint32_t, TokenId> ids_;
};

}  // namespace tessera::text
