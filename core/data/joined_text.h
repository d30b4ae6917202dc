// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/tokenizer.h"

namespace tessera::data {

/// Texts and pairs of texts as BERT reads them: [CLS] A [SEP], or [CLS] A [SEP] B [SEP], of at most `context` tokens. What is too long loses tokens at its end, one after the
/// other from the longer of the two and from the second where both are equally long (transformers' rule "longest_first").
class TextJoiner {
 public:
  /// Throws Error(data) for a tokenizer without [CLS], [SEP] or [PAD]; `name` says which it is.
  TextJoiner(std::shared_ptr<const text::Tokenizer> tokenizer, int64_t context, const std::string& name);

  /// The smallest context that leaves each text a token.
  static int64_t least_context(bool pairs) { return pairs ? 5 : 3; }

  /// Appends the ids; returns how many of them are the first text's: [CLS] and its [SEP] are.
  int64_t join(std::string_view first, std::optional<std::string_view> second, std::vector<text::TokenId>& ids) const;

  text::TokenId padding() const { return padding_; }
  int64_t vocabulary() const { return tokenizer_->vocabulary(); }

 private:
  std::shared_ptr<const text::Tokenizer> tokenizer_;
  size_t context_;
  text::TokenId classification_, separator_, padding_;
};

}  // namespace tessera::data
