// SPDX-License-Identifier: Apache-2.0
#include "core/text/wordpiece.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/text/bert_words.h"

namespace tessera::text {
namespace {

constexpr size_t kMostCharacters = 100;  // of a word; longer ones are unknown
constexpr std::string_view kContinuation = "##";

bool continues_character(char byte) { return (static_cast<uint8_t>(byte) & 0xC0) == 0x80; }

size_t characters_in(std::string_view word) {
  size_t count = 0;
  for (const char byte : word) count += !continues_character(byte);
  return count;
}

}  // namespace

WordPieceTokenizer::WordPieceTokenizer(std::string_view vocabulary, const std::string& name) {
  while (!vocabulary.empty()) {
    const size_t length = std::min(vocabulary.find('\n'), vocabulary.size());
    std::string_view token = vocabulary.substr(0, length);
    if (token.ends_with('\r')) token.remove_suffix(1);
    tokens_.emplace_back(token);
    vocabulary.remove_prefix(std::min(length + 1, vocabulary.size()));
  }
  for (size_t id = 0; id < tokens_.size(); ++id) {
    const std::string_view token = tokens_[id];
    const bool continues = token.size() > kContinuation.size() && token.starts_with(kContinuation);
    const std::string_view text = continues ? token.substr(kContinuation.size()) : token;
    if (!(continues ? continuations_ : starts_).emplace(text, static_cast<TokenId>(id)).second) {
      throw Error(ErrorKind::data, "this token is there twice", fmt::format("{}:{}", name, id + 1), "fetch the tokenizer anew");
    }
    longest_bytes_ = std::max(longest_bytes_, text.size());
  }
  const auto id_of = [&](std::string_view token) {
    const auto found = starts_.find(token);
    return found == starts_.end() ? std::nullopt : std::optional(found->second);
  };
  special_ = {.unknown = id_of("[UNK]"), .begin = {}, .end = {}, .padding = id_of("[PAD]"), .classification = id_of("[CLS]"), .separator = id_of("[SEP]"),
              .mask = id_of("[MASK]")};
  if (!special_.unknown) throw Error(ErrorKind::data, "there is no token [UNK]", name, "give the vocab.txt of a BERT model");
}

/// The longest token that the word begins with, then the longest for what is left, and so on.
void WordPieceTokenizer::encode_word(std::string_view word, std::vector<TokenId>& ids) const {
  const size_t before = ids.size();
  const auto unknown = [&] {
    ids.resize(before);
    ids.push_back(*special_.unknown);
  };
  if (characters_in(word) > kMostCharacters) return unknown();
  for (size_t start = 0; start < word.size();) {
    const auto& tokens = start == 0 ? starts_ : continuations_;
    size_t size = std::min(word.size() - start, longest_bytes_);
    for (; size > 0; --size) {
      if (start + size < word.size() && continues_character(word[start + size])) continue;
      if (const auto found = tokens.find(word.substr(start, size)); found != tokens.end()) {
        ids.push_back(found->second);
        break;
      }
    }
    if (size == 0) return unknown();
    start += size;
  }
}

void WordPieceTokenizer::encode(std::string_view bytes, std::vector<TokenId>& ids) const {
  split_bert_words(bytes, [&](std::string_view word) { encode_word(word, ids); });
}

std::string WordPieceTokenizer::decode(std::span<const TokenId> ids) const {
  check_ids(ids);
  std::string text;
  for (const TokenId id : ids) {
    std::string_view token = tokens_[static_cast<size_t>(id)];
    if (token.size() > kContinuation.size() && token.starts_with(kContinuation)) {
      token.remove_prefix(kContinuation.size());
    } else if (!text.empty()) {
      text += ' ';
    }
    text += token;
  }
  return text;
}

}  // namespace tessera::text
