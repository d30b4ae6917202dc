// SPDX-License-Identifier: Apache-2.0
// Text to token ids and back. Any bytes are text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::text {

using TokenId = int32_t;

/// Tokens that stand for no text. A vocabulary has some of them.
struct SpecialTokens {
  std::optional<TokenId> unknown, begin, end, padding, classification, separator, mask;

  /// What stands before each document of a stream: `begin`, or else `end` or `separator`.
  std::optional<TokenId> between_documents() const { return begin ? begin : end ? end : separator; }
};

/// Immutable; all calls are thread-safe.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// "gpt2", "bert", "llama2c" or "characters".
  virtual std::string_view kind() const = 0;
  /// Ids lie in [0, vocabulary).
  virtual int64_t vocabulary() const = 0;
  const SpecialTokens& special() const { return special_; }
  /// Appends the ids of `bytes`. Special tokens are never made of text: what spells one is text like any other. Takes time proportional to the bytes (times
  /// their logarithm, for one very long word).
  virtual void encode(std::string_view bytes, std::vector<TokenId>& ids) const = 0;
  /// The text of more ids begins with the text of fewer. Throws Error(data) for an id outside of the vocabulary.
  virtual std::string decode(std::span<const TokenId> ids) const = 0;

  std::vector<TokenId> encode(std::string_view bytes) const {
    std::vector<TokenId> ids;
    encode(bytes, ids);
    return ids;
  }

 protected:
  void check_ids(std::span<const TokenId> ids) const;

  SpecialTokens special_;
};

/// Reads the tokenizer that `path` names: a folder with encoder.json and vocab.bpe, or vocab.json and merges.txt (GPT-2's byte-level BPE), or vocab.txt (BERT's
/// uncased WordPiece); or a file vocab.txt, or NAME.bin (llama2.c's BPE with scores), or NAME.characters. Throws Error(data) of one line.
std::shared_ptr<const Tokenizer> open_tokenizer(const std::filesystem::path& path);

}  // namespace tessera::text
