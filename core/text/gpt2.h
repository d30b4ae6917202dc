// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/text/gpt2_split.h"
#include "core/text/merging.h"
#include "core/text/tokenizer.h"

namespace tessera::text {

/// GPT-2's byte-level BPE (Radford et al. 2019). Ids equal those of tiktoken's `encode_ordinary` and of transformers.
class Gpt2Tokenizer final : public Tokenizer {
 public:
  /// The contents of encoder.json (token -> id) and vocab.bpe (a line a merge, best first); the names are for errors. Throws Error(data) where they are broken or do not
  /// fit each other: a byte, a part or the result of a merge that is no token, ids that are not 0..V-1, a token that no merge makes and that is not special (<...>).
  Gpt2Tokenizer(std::string_view encoder, const std::string& encoder_name, std::string_view merges, const std::string& merges_name);

  std::string_view kind() const override { return "gpt2"; }
  int64_t vocabulary() const override { return static_cast<int64_t>(tokens_.size()); }
  void encode(std::string_view bytes, std::vector<TokenId>& ids) const override;
  std::string decode(std::span<const TokenId> ids) const override;
  using Tokenizer::encode;

 private:
  using Rank = uint32_t;

  /// Merges by pair of ids, open addressing. Read-only once filled.
  struct PairSlot {
    uint64_t pair = UINT64_MAX;
    Merge<Rank> merge{};
  };
  /// Tokens of up to 16 bytes, whole: most pieces are one.
  struct PieceSlot {
    uint64_t low = 0, high = 0;
    uint32_t size = 0;  // 0: free
    TokenId id = 0;
  };

  void read_merges(std::string_view text, const std::string& name, const std::unordered_map<std::string, TokenId>& ids);
  void read_bytes(const std::unordered_map<std::string, TokenId>& ids, const std::string& name);
  void find_special(const std::string& name);
  void index_pieces();
  void add_pair(TokenId left, TokenId right, const Merge<Rank>& merge);
  std::optional<Merge<Rank>> find_pair(TokenId left, TokenId right) const;
  TokenId find_piece(std::string_view piece) const;
  void merge_piece(std::string_view piece, std::vector<TokenId>& word) const;

  std::vector<std::string> tokens_;  // their bytes, by id
  std::vector<bool> made_;           // a byte, or the result of a merge
  std::array<TokenId, 256> byte_ids_{};
  std::vector<PairSlot> pairs_;
  std::vector<PieceSlot> pieces_;
  Gpt2Splitter splitter_;
};

}  // namespace tessera::text
