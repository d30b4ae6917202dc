// SPDX-License-Identifier: Apache-2.0
#include "core/text/gpt2_vocabulary.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/base/error.h"
#include "core/text/utf8.h"

namespace tessera::text {
namespace {

constexpr uint32_t kSpellings = 0x144;  // the last byte that is not printed as itself is U+0143

bool prints_as_itself(uint32_t byte) { return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE; }

/// The code point that the files write for each byte.
std::array<uint32_t, 256> spellings() {
  std::array<uint32_t, 256> code_points{};
  uint32_t next = 0x100;
  for (uint32_t byte = 0; byte < 256; ++byte) code_points[byte] = prints_as_itself(byte) ? byte : next++;
  return code_points;
}

/// The way back; -1: stands for no byte.
std::array<int, kSpellings> bytes_of_spellings() {
  std::array<int, kSpellings> bytes{};
  bytes.fill(-1);
  const auto code_points = spellings();
  for (size_t byte = 0; byte < 256; ++byte) bytes[code_points[byte]] = static_cast<int>(byte);
  return bytes;
}

/// Nothing where a character stands for no byte.
std::optional<std::string> bytes_of(std::string_view spelled) {
  static const std::array<int, kSpellings> bytes = bytes_of_spellings();
  std::string text;
  while (!spelled.empty()) {
    const CodePoint point = first_code_point(spelled);
    if (!point.valid || point.value >= kSpellings || bytes[point.value] < 0) return std::nullopt;
    text += static_cast<char>(bytes[point.value]);
    spelled.remove_prefix(point.bytes);
  }
  return text;
}

[[noreturn]] void refuse(const std::string& name, const std::string& what) {
  throw Error(ErrorKind::data, what, name, "fetch the tokenizer anew, or give the right file");
}

void add_token(const std::string& spelled, const nlohmann::json& id, size_t count, const std::string& name, std::unordered_map<std::string, TokenId>& ids,
               std::vector<bool>& seen) {
  if (!id.is_number_unsigned() || id.get<uint64_t>() >= count) {
    refuse(name, fmt::format("the id of token '{}' is not a number below {}, the count of tokens", as_gpt2_spells(spelled), count));
  }
  const auto number = id.get<size_t>();
  if (seen[number]) refuse(name, fmt::format("id {} stands for two tokens", number));
  seen[number] = true;
  const std::optional<std::string> bytes = bytes_of(spelled);
  if (!bytes || bytes->empty()) refuse(name, fmt::format("token {} is not spelled as GPT-2 spells bytes", number));
  if (!ids.emplace(*bytes, static_cast<TokenId>(number)).second) refuse(name, fmt::format("token {} is there twice", number));
}

}  // namespace

std::string as_gpt2_spells(std::string_view bytes) {
  static const std::array<uint32_t, 256> code_points = spellings();
  std::string text;
  for (const char byte : bytes.substr(0, 100)) append_utf8(code_points[static_cast<uint8_t>(byte)], text);
  return text;
}

std::unordered_map<std::string, TokenId> parse_gpt2_vocabulary(std::string_view json, const std::string& name) {
  const auto document = nlohmann::json::parse(json, nullptr, false);
  if (!document.is_object() || document.empty()) refuse(name, "it is not a JSON object of tokens and their ids");
  std::unordered_map<std::string, TokenId> ids;
  std::vector<bool> seen(document.size(), false);
  for (const auto& [token, id] : document.items()) add_token(token, id, document.size(), name, ids, seen);
  return ids;
}

std::vector<Gpt2Merge> parse_gpt2_merges(std::string_view text, const std::string& name) {
  std::vector<Gpt2Merge> merges;
  for (size_t line = 1; !text.empty(); ++line) {
    const size_t length = std::min(text.find('\n'), text.size());
    std::string_view row = text.substr(0, length);
    text.remove_prefix(std::min(length + 1, text.size()));
    if (row.ends_with('\r')) row.remove_suffix(1);
    if (row.empty() || (line == 1 && row.starts_with("#version"))) continue;
    const size_t space = row.find(' ');
    const auto left = bytes_of(row.substr(0, space));
    const auto right = space == std::string_view::npos ? std::nullopt : bytes_of(row.substr(space + 1));
    if (!left || !right || left->empty() || right->empty()) refuse(fmt::format("{}:{}", name, line), "a merge is two tokens with a space between them");
    merges.push_back({*left, *right, line});
  }
  return merges;
}

}  // namespace tessera::text
