// SPDX-License-Identifier: Apache-2.0
#include "core/data/masked_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/data/sample_random.h"
#include "core/data/token_documents.h"

namespace tessera::data {
namespace {

/// Where a sample is written.
struct MaskedSample {
  std::span<int64_t> inputs, types;
  int64_t* length;
  std::span<int64_t> targets;
  int64_t* next_sentence;  // nullptr: none
};

/// The stretches of documents that samples are made of.
class Stretches {
 public:
  /// Documents of fewer than `least` tokens have none.
  Stretches(const TokenDocuments& documents, int64_t least, int64_t most) : documents_(documents) {
    int64_t count = 0;
    for (int64_t document = 0; document < documents.count(); ++document) {
      const auto tokens = static_cast<int64_t>(documents.at(document).size());
      if (tokens >= least) count += (tokens + most - 1) / most;
      ends_.push_back(count);
    }
  }

  int64_t count() const { return ends_.empty() ? 0 : ends_.back(); }

  struct Stretch {
    int64_t document;
    std::span<const ShardToken> tokens;
  };

  Stretch at(int64_t index) const {
    const auto document = static_cast<size_t>(std::ranges::upper_bound(ends_, index) - ends_.begin());
    const int64_t first = document > 0 ? ends_[document - 1] : 0, parts = ends_[document] - first, part = index - first;
    const std::span<const ShardToken> tokens = documents_.at(static_cast<int64_t>(document));
    const auto size = static_cast<int64_t>(tokens.size());
    const auto begin = static_cast<size_t>(size * part / parts), end = static_cast<size_t>(size * (part + 1) / parts);
    return {static_cast<int64_t>(document), tokens.subspan(begin, end - begin)};
  }

 private:
  const TokenDocuments& documents_;
  std::vector<int64_t> ends_;  // stretches in documents 0..i
};

class MaskedText final : public Dataset {
 public:
  MaskedText(const MaskedTextConfig& config, TokenDocuments documents)
      : config_(config),
        documents_(std::move(documents)),
        specials_(config.next_sentence ? 3 : 2),
        stretches_(documents_, least_tokens(), config.context - specials_) {
    const Shape tokens{config.context};
    fields_ = {{std::string(kInputs), DType::i64, tokens}, {std::string(kTokenTypes), DType::i64, tokens}, {std::string(kLengths), DType::i64, {}},
               {std::string(kTargets), DType::i64, tokens}};
    if (config.next_sentence) fields_.push_back({std::string(kNextSentence), DType::i64, {}});
    check_documents();
    samples_ = config.limit_samples > 0 ? std::min(config.limit_samples, stretches_.count()) : stretches_.count();
  }

  int64_t samples() const override { return samples_; }
  const std::vector<Field>& fields() const override { return fields_; }
  std::optional<int64_t> classes() const override { return config_.vocabulary; }

  void read(int64_t index, const SampleContext& context, std::span<std::byte* const> destinations) const override {
    const auto numbers = [&](size_t field) { return reinterpret_cast<int64_t*>(destinations[field]); };
    const auto tokens = static_cast<size_t>(config_.context);
    const MaskedSample sample{{numbers(0), tokens}, {numbers(1), tokens}, numbers(2), {numbers(3), tokens}, config_.next_sentence ? numbers(4) : nullptr};
    const uint64_t seed = context.training ? context.seed : 0;
    const int64_t epoch = context.training ? context.epoch : kEvaluation;
    pack(index, SampleRandom(seed, index, epoch, AugmentStage::pairing), sample);
    mask(SampleRandom(seed, index, epoch, AugmentStage::masking), sample);
  }

  std::string fingerprint() const override {
    const MaskedTextConfig& c = config_;
    const std::string text = fmt::format("masked_text {} {} {} {} {} {} {} {} {} {}{}", c.context, samples_, c.next_sentence, c.masked_share, c.short_sequences, c.vocabulary, c.padding,
                                         c.classification, c.separator, c.mask, documents_.fingerprint());
    return hex(checksum(text.data(), text.size()));
  }

 private:
  static constexpr int64_t kEvaluation = UINT32_MAX;  // an epoch that training never reaches

  int64_t least_tokens() const { return config_.next_sentence ? 2 : 1; }

  void check_documents() const {
    if (stretches_.count() == 0) {
      throw Error(ErrorKind::data, fmt::format("no document has the {} tokens that a sample takes", least_tokens()), documents_.where(), "give more text");
    }
    if (config_.next_sentence && documents_.count() < 2) {
      throw Error(ErrorKind::data, "all text is one document, but half of the pairs take their second text from another one", documents_.where(),
                  "tokenize documents as lines of JSON (NAME.jsonl), or set data.next_sentence: false");
    }
  }

  /// Tokens of A and B, with their special ones, types and padding.
  void pack(int64_t index, SampleRandom random, const MaskedSample& sample) const {
    auto [document, tokens] = stretches_.at(index);
    const auto all = static_cast<int64_t>(tokens.size()), least = least_tokens();
    if (random.uniform(0.0, 1.0) < config_.short_sequences) tokens = tokens.first(static_cast<size_t>(least + random.below(all - least + 1)));
    size_t place = 0;
    const auto put = [&](int64_t id, int64_t type) { sample.inputs[place] = id, sample.types[place++] = type; };
    const auto put_text = [&](std::span<const ShardToken> text, int64_t type) {
      for (const ShardToken id : text) put(id, type);
      put(config_.separator, type);
    };
    put(config_.classification, 0);
    if (!config_.next_sentence) {
      put_text(tokens, 0);
    } else {
      const auto cut = static_cast<size_t>(1 + random.below(static_cast<int64_t>(tokens.size()) - 1));
      const bool other = random.below(2) == 1;
      put_text(tokens.first(cut), 0);
      put_text(other ? from_another(document, tokens.size() - cut, random) : tokens.subspan(cut), 1);
      *sample.next_sentence = other ? 1 : 0;
    }
    *sample.length = static_cast<int64_t>(place);
    while (place < sample.inputs.size()) put(config_.padding, 0);
  }

  /// At most `most` tokens.
  std::span<const ShardToken> from_another(int64_t document, size_t most, SampleRandom& random) const {
    int64_t other = random.below(documents_.count() - 1);
    if (other >= document) ++other;
    const std::span<const ShardToken> tokens = documents_.at(other);
    const size_t taken = std::min(most, tokens.size());
    return tokens.subspan(static_cast<size_t>(random.below(static_cast<int64_t>(tokens.size() - taken) + 1)), taken);
  }

  /// Hides tokens of a packed sample. Those before the last chosen one are drawn without repetition (Fisher and Yates).
  void mask(SampleRandom random, const MaskedSample& sample) const {
    std::vector<int64_t> places;
    const int64_t length = *sample.length;
    for (int64_t place = 1; place < length - 1; ++place) {
      const bool inner_separator = sample.types[static_cast<size_t>(place)] == 0 && sample.types[static_cast<size_t>(place) + 1] == 1;
      if (!inner_separator) places.push_back(place);
    }
    std::ranges::fill(sample.targets, -1);
    const auto all = static_cast<int64_t>(places.size());
    const int64_t count = std::clamp<int64_t>(std::llround(config_.masked_share * static_cast<double>(all)), 1, all);
    for (int64_t i = 0; i < count; ++i) {
      std::swap(places[static_cast<size_t>(i)], places[static_cast<size_t>(i + random.below(all - i))]);
      const auto place = static_cast<size_t>(places[static_cast<size_t>(i)]);
      sample.targets[place] = sample.inputs[place];
      const int64_t tenth = random.below(10), replacement = random.below(config_.vocabulary);
      if (tenth < 8) sample.inputs[place] = config_.mask;
      if (tenth == 8) sample.inputs[place] = replacement;
    }
  }

  MaskedTextConfig config_;
  TokenDocuments documents_;
  int64_t specials_;
  Stretches stretches_;
  int64_t samples_ = 0;
  std::vector<Field> fields_;
};

void check_special_ids(const MaskedTextConfig& config) {
  const std::pair<const char*, int64_t> ids[] = {
      {"padding", config.padding}, {"classification", config.classification}, {"separator", config.separator}, {"mask", config.mask}};
  for (const auto& [key, id] : ids) {
    const std::string name = std::string("data.") + key;
    if (id >= config.vocabulary) {
      throw Error(ErrorKind::usage, fmt::format("{} is {}, but the vocabulary has {} tokens", name, id, config.vocabulary), name, "give the ids of the shards' tokenizer");
    }
    for (const auto& [other_key, other] : ids) {
      if (std::string_view(other_key) != key && id == other) {
        throw Error(ErrorKind::usage, fmt::format("{} and data.{} are both {}", name, other_key, id), name, "give the ids of the shards' tokenizer");
      }
    }
  }
}

}  // namespace

void MaskedTextConfig::declare(config::Fields& fields) {
  using config::Effect;
  const double most = static_cast<double>(kMostShardVocabulary);
  fields.add("root", root, {.doc = "folder that the shards are relative to", .effect = Effect::free});
  fields.add("train", train, {.doc = "token shards: a file, or a pattern such as train_{000000..000099}.bin or train_*.bin", .effect = Effect::free});
  fields.add("validation", validation, {.doc = "such shards, for evaluation", .effect = Effect::free});
  fields.add("test", test, {.doc = "such shards, for evaluation", .effect = Effect::free});
  fields.add("context", context, {.doc = "tokens that a sample has, special ones and padding among them", .unit = "tokens", .minimum = 5});
  fields.add("next_sentence", next_sentence, {.doc = "samples are pairs of texts, of which half follow each other; false: single texts"});
  fields.add("masked_share", masked_share, {.doc = "share of a sample's tokens that is predicted; at least one is", .maximum = 1, .above = 0});
  fields.add("short_sequences", short_sequences, {.doc = "share of samples that are cut to a length drawn evenly", .minimum = 0, .maximum = 1});
  fields.add("vocabulary", vocabulary, {.doc = "ids lie in 0..vocabulary-1", .minimum = 5, .maximum = most});
  fields.add("padding", padding, {.doc = "id of [PAD], behind a sample's tokens", .minimum = 0});
  fields.add("classification", classification, {.doc = "id of [CLS], before them", .minimum = 0});
  fields.add("separator", separator, {.doc = "id of [SEP], behind each text and, in shards, before each document", .minimum = 0});
  fields.add("mask", mask, {.doc = "id of [MASK], which stands for what is hidden", .minimum = 0});
  fields.add("limit_samples", limit_samples, {.doc = "use only the first samples of a split; 0: all", .unit = "samples", .minimum = 0});
}

std::unique_ptr<Dataset> open_masked_text(const MaskedTextConfig& config, std::string_view split) {
  check_special_ids(config);
  check_limit(config.limit_samples);
  TokenDocuments documents(open_shards({config.root, config.train, config.validation, config.test}, split), static_cast<ShardToken>(config.separator), config.vocabulary);
  return std::make_unique<MaskedText>(config, std::move(documents));
}

}  // namespace tessera::data
