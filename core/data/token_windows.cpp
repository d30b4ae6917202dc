// SPDX-License-Identifier: Apache-2.0
#include "core/data/token_windows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/data/documents.h"
#include "core/data/token_shards.h"
#include "core/text/characters.h"

namespace tessera::data {
namespace {

constexpr std::string_view kCharacters = "characters";

/// Tokens that follow each other; kept in memory or mapped by `owner`.
struct TokenRun {
  std::span<const ShardToken> tokens;
  std::string where;
  std::shared_ptr<const void> owner;
};

class TokenWindows final : public Dataset {
 public:
  /// `vocabulary` 0: not known.
  TokenWindows(std::vector<TokenRun> runs, int64_t context, int64_t vocabulary, int64_t limit_samples) : runs_(std::move(runs)), context_(context), vocabulary_(vocabulary) {
    fields_ = {{std::string(kInputs), DType::i64, {context}, false}, {std::string(kTargets), DType::i64, {context}, false}};
    int64_t windows = 0;
    for (const TokenRun& run : runs_) {
      const auto tokens = static_cast<int64_t>(run.tokens.size());
      if (tokens <= context) {
        throw Error(ErrorKind::data, fmt::format("it holds {} tokens, but a window takes {}: data.context and the token that follows", tokens, context + 1), run.where,
                    fmt::format("set data.context to {} or less, or give more text", std::max<int64_t>(tokens - 1, 1)));
      }
      windows += (tokens - 1) / context;
      ends_.push_back(windows);
    }
    samples_ = limit_samples > 0 ? std::min(limit_samples, windows) : windows;
  }

  int64_t samples() const override { return samples_; }
  const std::vector<Field>& fields() const override { return fields_; }
  std::optional<int64_t> classes() const override { return vocabulary_ > 0 ? std::optional(vocabulary_) : std::nullopt; }

  void read(int64_t index, const SampleContext&, std::span<std::byte* const> destinations) const override {
    const auto run = static_cast<size_t>(std::upper_bound(ends_.begin(), ends_.end(), index) - ends_.begin());
    const int64_t first = (index - (run > 0 ? ends_[run - 1] : 0)) * context_;
    const std::span<const ShardToken> tokens = runs_[run].tokens.subspan(static_cast<size_t>(first), static_cast<size_t>(context_) + 1);
    for (size_t i = 0; vocabulary_ > 0 && i < tokens.size(); ++i) {
      if (tokens[i] >= vocabulary_) fail_token(runs_[run], first + static_cast<int64_t>(i), tokens[i]);
    }
    std::copy(tokens.begin(), tokens.end() - 1, reinterpret_cast<int64_t*>(destinations[0]));
    std::copy(tokens.begin() + 1, tokens.end(), reinterpret_cast<int64_t*>(destinations[1]));
  }

  std::string fingerprint() const override {
    std::string text = fmt::format("tokens {} {} {}", context_, samples_, vocabulary_);
    for (const TokenRun& run : runs_) text += fmt::format(" {}:{:x}", run.tokens.size(), checksum_of(run.tokens));
    return hex(checksum(text.data(), text.size()));
  }

 private:
  [[noreturn]] void fail_token(const TokenRun& run, int64_t place, ShardToken id) const {
    throw Error(ErrorKind::data, fmt::format("token {} is {}, but the vocabulary has {} tokens", place, id, vocabulary_), run.where,
                "correct data.vocabulary or data.tokenizer, or make the shards anew");
  }

  std::vector<TokenRun> runs_;
  std::vector<int64_t> ends_;  // windows in runs 0..i
  int64_t context_, vocabulary_, samples_ = 0;
  std::vector<Field> fields_;
};

std::string whole_text(const std::string& path) {
  if (path.empty()) throw Error(ErrorKind::usage, "no file is given", "data.root", "name a text file");
  DocumentReader reader(path);
  auto document = reader.json_lines() ? std::nullopt : reader.next();
  if (!document) throw Error(ErrorKind::data, "data of kind text is one plain text", path, "tokenize lines of JSON by tessera tokenize");
  return std::move(document->bytes);
}

std::shared_ptr<const text::Tokenizer> tokenizer_for(const TextConfig& config, const std::string& text) {
  if (config.tokenizer == kCharacters) return std::make_shared<text::CharacterTokenizer>(text::CharacterTokenizer::characters_of(text), config.root);
  return text::open_tokenizer(config.tokenizer);
}

void check_size(int64_t vocabulary, const std::string& where) {
  if (vocabulary > kMostShardVocabulary) {
    throw Error(ErrorKind::usage, fmt::format("the vocabulary has {} tokens, but ids of data sets have 16 bits", vocabulary), where,
                fmt::format("take a tokenizer of at most {} tokens", kMostShardVocabulary));
  }
}

}  // namespace

void TokensConfig::declare(config::Fields& fields) {
  using config::Effect;
  fields.add("root", root, {.doc = "folder that the shards are relative to", .effect = Effect::free});
  fields.add("train", train, {.doc = "token shards: a file, or a pattern such as train_{000000..000099}.bin or train_*.bin", .effect = Effect::free});
  fields.add("validation", validation, {.doc = "such shards, for evaluation", .effect = Effect::free});
  fields.add("test", test, {.doc = "such shards, for evaluation", .effect = Effect::free});
  fields.add("context", context, {.doc = "tokens that a sample has", .unit = "tokens", .minimum = 1});
  fields.add("vocabulary", vocabulary, {.doc = "ids lie in 0..vocabulary-1; 0: the tokenizer's, or as the model says", .minimum = 0});
  fields.add("tokenizer", tokenizer, {.doc = "what made the shards (tessera tokenize --help); for generated text", .effect = Effect::free});
  fields.add("limit_samples", limit_samples, {.doc = "use only the first samples of a split; 0: all", .unit = "samples", .minimum = 0});
}

void TextConfig::declare(config::Fields& fields) {
  using config::Effect;
  fields.add("root", root, {.doc = "text file, plain or .gz", .effect = Effect::free, .required = true});
  fields.add("tokenizer", tokenizer, {.doc = "characters: those of the file; or files of a tokenizer (tessera tokenize --help)", .effect = Effect::free});
  fields.add("context", context, {.doc = "tokens that a sample has", .unit = "tokens", .minimum = 1});
  fields.add("validation_share", validation_share, {.doc = "share of the text, at its end, that is the validation split", .minimum = 0, .below = 1});
  fields.add("limit_samples", limit_samples, {.doc = "use only the first samples of a split; 0: all", .unit = "samples", .minimum = 0});
}

std::shared_ptr<const text::Tokenizer> tokenizer_of(const TextConfig& config) {
  return tokenizer_for(config, config.tokenizer == kCharacters ? whole_text(config.root) : std::string());
}

std::shared_ptr<const text::Tokenizer> tokenizer_of(const TokensConfig& config) {
  if (config.tokenizer.empty()) throw Error(ErrorKind::usage, "nothing says what the token ids stand for", "data.tokenizer", "name the tokenizer that made the shards");
  return text::open_tokenizer(config.tokenizer);
}

std::unique_ptr<Dataset> open_tokens(const TokensConfig& config, std::string_view split) {
  check_limit(config.limit_samples);
  std::vector<TokenRun> runs;
  for (const auto& shard : open_shards({config.root, config.train, config.validation, config.test}, split)) {
    runs.push_back({shard->tokens(), shard->path().string(), shard});
  }
  int64_t vocabulary = config.vocabulary;
  if (vocabulary == 0 && !config.tokenizer.empty()) vocabulary = tokenizer_of(config)->vocabulary();
  return std::make_unique<TokenWindows>(std::move(runs), config.context, vocabulary, config.limit_samples);
}

std::unique_ptr<Dataset> open_text(const TextConfig& config, std::string_view split) {
  const std::array<std::string, 2> splits = {"train", "validation"};
  check_split(split, splits);
  check_limit(config.limit_samples);
  const std::string text = whole_text(config.root);
  const auto tokenizer = tokenizer_for(config, text);
  check_size(tokenizer->vocabulary(), "data.tokenizer");
  // Cut before a character, and so that equal texts are cut equally.
  auto cut = static_cast<size_t>(std::floor(static_cast<double>(text.size()) * (1.0 - config.validation_share)));
  while (cut > 0 && cut < text.size() && (static_cast<uint8_t>(text[cut]) & 0xC0) == 0x80) --cut;
  const std::string_view part = split == "train" ? std::string_view(text).substr(0, cut) : std::string_view(text).substr(cut);
  const std::vector<text::TokenId> ids = tokenizer->encode(part);
  const auto tokens = std::make_shared<const std::vector<ShardToken>>(ids.begin(), ids.end());
  return std::make_unique<TokenWindows>(std::vector<TokenRun>{{*tokens, config.root + " (" + std::string(split) + ")", tokens}}, config.context,
                                        tokenizer->vocabulary(), config.limit_samples);
}

}  // namespace tessera::data
