// SPDX-License-Identifier: Apache-2.0
#include "core/text/llama2c.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstring>

#include "core/base/error.h"
#include "core/text/merging.h"

namespace tessera::text {
namespace {

constexpr TokenId kBegin = 1, kEnd = 2, kFirstByte = 3;
constexpr size_t kFewestTokens = kFirstByte + 256;
constexpr size_t kLongestCharacterBytes = 4;

class TokenReader {
 public:
  TokenReader(std::string_view file, const std::string& name) : rest_(file), name_(name) {}

  bool at_end() const { return rest_.empty(); }

  template <typename Number>
  Number number(size_t token) {
    Number value;
    std::memcpy(&value, take(sizeof value, token).data(), sizeof value);
    return value;
  }

  std::string_view take(size_t size_bytes, size_t token) {
    if (size_bytes > rest_.size()) fail(fmt::format("it is cut short in token {}", token));
    const std::string_view part = rest_.substr(0, size_bytes);
    rest_.remove_prefix(size_bytes);
    return part;
  }

  [[noreturn]] void fail(const std::string& what) const { throw Error(ErrorKind::data, what, name_, "fetch the tokenizer anew, or give the right file"); }

 private:
  std::string_view rest_;
  const std::string& name_;
};

/// "<0x0A>" -> 10; -1 for other texts.
int byte_of(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return -1;
  int value = 0;
  for (const char digit : text.substr(3, 2)) {
    const size_t place = std::string_view("0123456789ABCDEF").find(digit);
    if (place == std::string_view::npos) return -1;
    value = value * 16 + static_cast<int>(place);
  }
  return value;
}

constexpr auto kBytes = [] {
  std::array<char, 256> bytes{};
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i);
  return bytes;
}();

}  // namespace

Llama2cTokenizer::Llama2cTokenizer(std::string_view file, const std::string& name) {
  TokenReader reader(file, name);
  const auto longest = reader.number<int32_t>(0);
  if (longest < 1) reader.fail(fmt::format("its longest token has {} bytes", longest));
  while (!reader.at_end()) {
    const auto score = reader.number<float>(tokens_.size());
    const auto length = reader.number<int32_t>(tokens_.size());
    if (length < 0 || length > longest) reader.fail(fmt::format("token {} has {} bytes, but the longest has {}", tokens_.size(), length, longest));
    if (std::isnan(score)) reader.fail(fmt::format("the score of token {} is not a number", tokens_.size()));
    tokens_.push_back({std::string(reader.take(static_cast<size_t>(length), tokens_.size())), score});
  }
  if (tokens_.size() < kFewestTokens) reader.fail(fmt::format("it has {} tokens; three special ones and 256 bytes are the fewest", tokens_.size()));
  for (size_t byte = 0; byte < 256; ++byte) {
    if (byte_of(tokens_[kFirstByte + byte].text) != static_cast<int>(byte)) reader.fail(fmt::format("token {} is not <0x{:02X}>", kFirstByte + byte, byte));
  }
  for (size_t id = 0; id < tokens_.size(); ++id) ids_.emplace(tokens_[id].text, static_cast<TokenId>(id));
  special_ = {.unknown = 0, .begin = kBegin, .end = kEnd, .padding = {}, .classification = {}, .separator = {}, .mask = {}};
}

void Llama2cTokenizer::encode_character(std::string_view character, std::vector<TokenId>& ids) const {
  if (const auto found = ids_.find(character); found != ids_.end()) {
    ids.push_back(found->second);
  } else {
    for (const char byte : character) ids.push_back(kFirstByte + static_cast<uint8_t>(byte));
  }
}

void Llama2cTokenizer::encode(std::string_view bytes, std::vector<TokenId>& ids) const {
  if (bytes.empty()) return;
  const auto continues = [](char byte) { return (static_cast<uint8_t>(byte) & 0xC0) == 0x80; };
  std::vector<TokenId> word;
  encode_character(" ", word);
  while (!bytes.empty()) {
    size_t size = 1;
    while (size < bytes.size() && size < kLongestCharacterBytes && continues(bytes[size])) ++size;
    encode_character(bytes.substr(0, size), word);
    bytes.remove_prefix(size);
  }
  std::string both;
  merge_pairs<float>(word, [&](TokenId left, TokenId right) -> std::optional<Merge<float>> {
    both = tokens_[static_cast<size_t>(left)].text;
    both += tokens_[static_cast<size_t>(right)].text;
    const auto found = ids_.find(both);
    if (found == ids_.end()) return std::nullopt;
    return Merge<float>{-tokens_[static_cast<size_t>(found->second)].score, found->second};
  });
  ids.insert(ids.end(), word.begin(), word.end());
}

std::string_view Llama2cTokenizer::text_of(TokenId id) const {
  if (id == kBegin || id == kEnd) return {};
  const std::string& text = tokens_[static_cast<size_t>(id)].text;
  const int byte = byte_of(text);
  return byte < 0 ? std::string_view(text) : std::string_view(&kBytes[static_cast<size_t>(byte)], 1);
}

std::string Llama2cTokenizer::decode(std::span<const TokenId> ids) const {
  check_ids(ids);
  std::string text;
  bool first = true;
  for (const TokenId id : ids) {
    std::string_view part = text_of(id);
    if (id == kBegin || id == kEnd) continue;
    if (first && part.starts_with(' ')) part.remove_prefix(1);
    first = false;
    text += part;
  }
  return text;
}

}  // namespace tessera::text
