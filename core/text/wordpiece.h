// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/text/tokenizer.h"

namespace tessera::text {

/// BERT's uncased WordPiece (Devlin, Chang, Lee, Toutanova, NAACL 2019). Ids equal those of transformers' BertTokenizer (in Python) without added special tokens; bytes that
/// are no UTF-8 are U+FFFD, which that tokenizer drops.
class WordPieceTokenizer final : public Tokenizer {
 public:
  /// The contents of vocab.txt: a token a line. Throws Error(data) for a token that is there twice and where [UNK] is missing.
  WordPieceTokenizer(std::string_view vocabulary, const std::string& name);

  std::string_view kind() const override { return "bert"; }
  int64_t vocabulary() const override { return static_cast<int64_t>(tokens_.size()); }
  void encode(std::string_view bytes, std::vector<TokenId>& ids) const override;
  /// Words with single spaces between them.
  std::string decode(std::span<const TokenId> ids) const override;
  using Tokenizer::encode;

 private:
  void encode_word(std::string_view word, std::vector<TokenId>& ids) const;

  std::vector<std::string> tokens_;
  std::unordered_map<std::string_view, TokenId> starts_, continuations_;  // views of tokens_; of the latter without ##
  size_t longest_bytes_ = 0;
};

}  // namespace tessera::text
