// SPDX-License-Identifier: Apache-2.0
#include "core/text/characters.h"

#include <fmt/format.h>

#include <set>

#include "core/base/error.h"
#include "core/text/utf8.h"

namespace tessera::text {

CharacterTokenizer::CharacterTokenizer(std::string_view characters, const std::string& name) {
  for (size_t at = 0; at < characters.size();) {
    const CodePoint point = first_code_point(characters.substr(at));
    if (!point.valid) throw Error(ErrorKind::data, fmt::format("byte {} is no UTF-8", at), name, "store the characters in UTF-8");
    if (!ids_.emplace(point.value, static_cast<TokenId>(characters_.size())).second) {
      throw Error(ErrorKind::data, fmt::format("character U+{:04X} is there twice, the second time at byte {}", point.value, at), name, "write each once");
    }
    characters_.emplace_back(characters.substr(at, point.bytes));
    at += point.bytes;
  }
  if (characters_.empty()) throw Error(ErrorKind::data, "there are no characters", name, "write each character of the vocabulary once");
}

std::string CharacterTokenizer::characters_of(std::string_view text) {
  std::set<uint32_t> points;
  while (!text.empty()) {
    const CodePoint point = first_code_point(text);
    points.insert(point.value);
    text.remove_prefix(point.bytes);
  }
  std::string characters;
  for (const uint32_t point : points) append_utf8(point, characters);
  return characters;
}

void CharacterTokenizer::encode(std::string_view bytes, std::vector<TokenId>& ids) const {
  for (size_t at = 0; at < bytes.size();) {
    const CodePoint point = first_code_point(bytes.substr(at));
    const auto found = ids_.find(point.value);
    if (found == ids_.end()) {
      throw Error(ErrorKind::data, fmt::format("character U+{:04X} at byte {} of the text is not in the vocabulary of {} characters", point.value, at, vocabulary()),
                  "characters tokenizer", "make the vocabulary of all of the text");
    }
    ids.push_back(found->second);
    at += point.bytes;
  }
}

std::string CharacterTokenizer::decode(std::span<const TokenId> ids) const {
  check_ids(ids);
  std::string text;
  for (const TokenId id : ids) text += characters_[static_cast<size_t>(id)];
  return text;
}

}  // namespace tessera::text
