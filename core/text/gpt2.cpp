// SPDX-License-Identifier: Apache-2.0
#include "core/text/gpt2.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>

#include "core/base/error.h"
#include "core/text/gpt2_vocabulary.h"

namespace tessera::text {
namespace {

constexpr size_t kLongestIndexed = 16;
constexpr TokenId kNoToken = -1;

uint64_t pair_key(TokenId left, TokenId right) { return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right); }

uint64_t mixed(uint64_t value) {
  value *= 0x9E3779B97F4A7C15u;
  return value ^ value >> 32;
}

/// Up to eight bytes as a number.
uint64_t load(const char* bytes, size_t size) {
  uint64_t value = 0;
  std::memcpy(&value, bytes, size);
  return value;
}

struct PieceKey {
  uint64_t low, high;

  explicit PieceKey(std::string_view piece)
      : low(load(piece.data(), std::min<size_t>(piece.size(), 8))), high(piece.size() > 8 ? load(piece.data() + 8, piece.size() - 8) : 0) {}
  uint64_t hash(size_t size) const { return mixed(mixed(low + size) ^ high); }
};

}  // namespace

Gpt2Tokenizer::Gpt2Tokenizer(std::string_view encoder, const std::string& encoder_name, std::string_view merges, const std::string& merges_name) {
  const std::unordered_map<std::string, TokenId> ids = parse_gpt2_vocabulary(encoder, encoder_name);
  tokens_.resize(ids.size());
  made_.assign(ids.size(), false);
  for (const auto& [token, id] : ids) tokens_[static_cast<size_t>(id)] = token;
  read_bytes(ids, encoder_name);
  read_merges(merges, merges_name, ids);
  find_special(encoder_name);
  index_pieces();
}

void Gpt2Tokenizer::read_bytes(const std::unordered_map<std::string, TokenId>& ids, const std::string& name) {
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const auto found = ids.find(std::string(1, static_cast<char>(byte)));
    if (found == ids.end()) {
      throw Error(ErrorKind::data, fmt::format("there is no token for byte 0x{:02x}, so that not every text has tokens", byte), name, "fetch the tokenizer anew");
    }
    byte_ids_[byte] = found->second;
    made_[static_cast<size_t>(found->second)] = true;
  }
}

void Gpt2Tokenizer::read_merges(std::string_view text, const std::string& name, const std::unordered_map<std::string, TokenId>& ids) {
  const std::vector<Gpt2Merge> merges = parse_gpt2_merges(text, name);
  pairs_.resize(std::bit_ceil(2 * merges.size() + 1));
  Rank rank = 0;
  for (const Gpt2Merge& merge : merges) {
    const auto id_of = [&](const std::string& token) {
      if (const auto found = ids.find(token); found != ids.end()) return found->second;
      throw Error(ErrorKind::data, fmt::format("token '{}' of this merge is not in the vocabulary", as_gpt2_spells(token)), fmt::format("{}:{}", name, merge.line),
                  "take vocabulary and merges of one tokenizer");
    };
    const TokenId merged = id_of(merge.left + merge.right);
    add_pair(id_of(merge.left), id_of(merge.right), {rank++, merged});
    made_[static_cast<size_t>(merged)] = true;
  }
}

void Gpt2Tokenizer::find_special(const std::string& name) {
  for (size_t id = 0; id < tokens_.size(); ++id) {
    if (made_[id]) continue;
    const std::string& token = tokens_[id];
    if (token.size() < 3 || token.front() != '<' || token.back() != '>') {
      throw Error(ErrorKind::data, fmt::format("no merge makes token '{}' (id {})", as_gpt2_spells(token), id), name, "take vocabulary and merges of one tokenizer");
    }
    if (token == "<|endoftext|>") special_.end = static_cast<TokenId>(id);
  }
}

/// A piece that is a token is that token, if merging its bytes gives it.
void Gpt2Tokenizer::index_pieces() {
  pieces_.resize(std::bit_ceil(2 * tokens_.size()));
  std::vector<TokenId> word;
  for (size_t id = 0; id < tokens_.size(); ++id) {
    const std::string& token = tokens_[id];
    if (!made_[id] || token.size() > kLongestIndexed) continue;
    merge_piece(token, word);
    if (word.size() != 1 || word[0] != static_cast<TokenId>(id)) continue;
    const PieceKey key(token);
    size_t slot = key.hash(token.size()) & (pieces_.size() - 1);
    while (pieces_[slot].size > 0) slot = (slot + 1) & (pieces_.size() - 1);
    pieces_[slot] = {key.low, key.high, static_cast<uint32_t>(token.size()), static_cast<TokenId>(id)};
  }
}

/// Of two equal merges the first counts.
void Gpt2Tokenizer::add_pair(TokenId left, TokenId right, const Merge<Rank>& merge) {
  const uint64_t key = pair_key(left, right);
  size_t slot = mixed(key) & (pairs_.size() - 1);
  while (pairs_[slot].pair != UINT64_MAX && pairs_[slot].pair != key) slot = (slot + 1) & (pairs_.size() - 1);
  if (pairs_[slot].pair == UINT64_MAX) pairs_[slot] = {key, merge};
}

std::optional<Merge<Gpt2Tokenizer::Rank>> Gpt2Tokenizer::find_pair(TokenId left, TokenId right) const {
  const uint64_t key = pair_key(left, right);
  for (size_t slot = mixed(key) & (pairs_.size() - 1); pairs_[slot].pair != UINT64_MAX; slot = (slot + 1) & (pairs_.size() - 1)) {
    if (pairs_[slot].pair == key) return pairs_[slot].merge;
  }
  return std::nullopt;
}

TokenId Gpt2Tokenizer::find_piece(std::string_view piece) const {
  if (piece.size() > kLongestIndexed) return kNoToken;
  const PieceKey key(piece);
  for (size_t slot = key.hash(piece.size()) & (pieces_.size() - 1); pieces_[slot].size > 0; slot = (slot + 1) & (pieces_.size() - 1)) {
    const PieceSlot& found = pieces_[slot];
    if (found.low == key.low && found.high == key.high && found.size == piece.size()) return found.id;
  }
  return kNoToken;
}

void Gpt2Tokenizer::merge_piece(std::string_view piece, std::vector<TokenId>& word) const {
  word.clear();
  for (const char byte : piece) word.push_back(byte_ids_[static_cast<uint8_t>(byte)]);
  merge_pairs<Rank>(word, [this](TokenId left, TokenId right) { return find_pair(left, right); });
}

void Gpt2Tokenizer::encode(std::string_view bytes, std::vector<TokenId>& ids) const {
  std::vector<TokenId> word;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, splitter_.first_piece(bytes));
    bytes.remove_prefix(piece.size());
    if (const TokenId whole = find_piece(piece); whole != kNoToken) {
      ids.push_back(whole);
    } else {
      merge_piece(piece, word);
      ids.insert(ids.end(), word.begin(), word.end());
    }
  }
}

std::string Gpt2Tokenizer::decode(std::span<const TokenId> ids) const {
  check_ids(ids);
  std::string text;
  for (const TokenId id : ids) text += tokens_[static_cast<size_t>(id)];
  return text;
}

}  // namespace tessera::text
