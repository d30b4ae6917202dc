// SPDX-License-Identifier: Apache-2.0
// `data.kind: tokens` and `data.kind: text`: windows of token ids for language models.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/config/fields.h"
#include "core/data/dataset.h"
#include "core/text/tokenizer.h"

namespace tessera::data {

/// Keys of the `data` block, kind tokens. A split whose shards are not given does not exist.
struct TokensConfig {
  std::string root;  ///< folder that the patterns are relative to
  std::string train, validation, test;
  int64_t context = 1024;
  int64_t vocabulary = 0;  ///< ids lie below; 0: the tokenizer's, or whatever the shards hold
  std::string tokenizer;   ///< what made the shards; for generated text, and the vocabulary
  int64_t limit_samples = 0;
  void declare(config::Fields& fields);
};

/// Keys of the `data` block, kind text.
struct TextConfig {
  std::string root;  ///< a text file
  std::string tokenizer = "characters";
  int64_t context = 64;
  double validation_share = 0.1;
  int64_t limit_samples = 0;
  void declare(config::Fields& fields);
};

/// `inputs` and `targets`, i64 [context]: a window of tokens, and the same one token further on. Windows do not overlap but for that one token; what is left at
/// the end of a shard is not used. Throws Error(data) for shards that are broken or shorter than a window, also for an id beyond the vocabulary, when it is read.
std::unique_ptr<Dataset> open_tokens(const TokensConfig& config, std::string_view split);

/// The same of a text file, tokenized here: split "train", and "validation", its last part.
std::unique_ptr<Dataset> open_text(const TextConfig& config, std::string_view split);

/// The tokenizer of the text that a data set holds. `characters`: those of the file.
std::shared_ptr<const text::Tokenizer> tokenizer_of(const TextConfig& config);
/// Throws Error(usage) where data.tokenizer is not given.
std::shared_ptr<const text::Tokenizer> tokenizer_of(const TokensConfig& config);

}  // namespace tessera::data
