// SPDX-License-Identifier: Apache-2.0
#include "core/data/tokenize.h"

#include <fmt/format.h>

#include <deque>
#include <future>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/data/documents.h"
#include "core/data/token_shards.h"
#include "core/data/tokenize_state.h"

namespace tessera::data {
namespace {

namespace fs = std::filesystem;

/// Documents of about so many bytes are a thread's work at a time.
constexpr size_t kBatchBytes = size_t{1} << 20;

/// Documents that are encoded together, and where they come from.
struct DocumentBatch {
  std::vector<RawDocument> documents;
  bool json_lines = false;
  size_t input = 0;            // number of the file
  int64_t first_document = 0;  // number of the first one in it
  uint64_t done_bytes = 0;     // of all inputs, once this is done
};

using EncodedDocument = std::vector<ShardToken>;

std::vector<EncodedDocument> encode_batch(const text::Tokenizer& tokenizer, const DocumentBatch& batch, const std::string& key) {
  std::vector<EncodedDocument> encoded;
  std::vector<text::TokenId> ids;
  for (const RawDocument& document : batch.documents) {
    ids.clear();
    if (const auto separator = tokenizer.special().between_documents()) ids.push_back(*separator);
    try {
      tokenizer.encode(batch.json_lines ? text_of_json_line(document, key) : document.bytes, ids);
    } catch (const Error& error) {
      if (std::string_view(error.what()).starts_with(document.where)) throw;
      throw Error(error.kind(), error.what(), document.where);
    }
    encoded.emplace_back(ids.begin(), ids.end());
  }
  return encoded;
}

/// The documents of all inputs from a place on.
class BatchReader {
 public:
  BatchReader(const TokenizePlan& plan, const TokenizeState& start) : plan_(plan), input_(start.input), document_(0), skip_(start.document) {
    for (size_t i = 0; i < plan.inputs.size(); ++i) {
      const uint64_t size = fs::file_size(plan.inputs[i]);
      if (i < input_) before_bytes_ += size;
      all_bytes_ += size;
    }
  }

  uint64_t all_bytes() const { return all_bytes_; }

  /// Nothing at the end.
  std::optional<DocumentBatch> next() {
    for (; input_ < plan_.inputs.size(); ++input_, document_ = 0) {
      if (!reader_) reader_ = std::make_unique<DocumentReader>(plan_.inputs[input_]);
      skip();
      DocumentBatch batch = read_batch();
      if (!batch.documents.empty()) return batch;
      before_bytes_ += reader_->size_bytes();
      reader_.reset();
    }
    return std::nullopt;
  }

 private:
  void skip() {
    for (; skip_ > 0 && reader_->next(); --skip_) ++document_;
    skip_ = 0;
  }

  DocumentBatch read_batch() {
    DocumentBatch batch{{}, reader_->json_lines(), input_, document_, 0};
    for (size_t bytes = 0; bytes < kBatchBytes; ++document_) {
      auto document = reader_->next();
      if (!document) break;
      bytes += document->bytes.size();
      batch.documents.push_back(std::move(*document));
    }
    batch.done_bytes = before_bytes_ + reader_->consumed_bytes();
    return batch;
  }

  const TokenizePlan& plan_;
  size_t input_;
  int64_t document_, skip_;
  uint64_t before_bytes_ = 0, all_bytes_ = 0;
  std::unique_ptr<DocumentReader> reader_;
};

/// Cuts the stream of tokens into shards; after each it says where the next one begins.
class ShardStream {
 public:
  ShardStream(const TokenizePlan& plan, const fs::path& state_file, TokenizeState start) : plan_(plan), state_file_(state_file), state_(std::move(start)) {}

  const TokenizeState& state() const { return state_; }
  int64_t tokens() const { return state_.shards * plan_.shard_tokens + static_cast<int64_t>(pending_.size()); }

  /// The next document; of the first one after a resume the part that is in a shard already is left out.
  void add(size_t input, int64_t document, std::span<const ShardToken> tokens, uint64_t done_bytes) {
    size_t at = input == state_.input && document == state_.document ? static_cast<size_t>(state_.tokens_of_document) : 0;
    while (at < tokens.size()) {
      const size_t part = std::min(static_cast<size_t>(plan_.shard_tokens) - pending_.size(), tokens.size() - at);
      pending_.insert(pending_.end(), tokens.begin() + static_cast<ptrdiff_t>(at), tokens.begin() + static_cast<ptrdiff_t>(at + part));
      at += part;
      if (pending_.size() < static_cast<size_t>(plan_.shard_tokens)) break;
      write();
      state_.input = input, state_.document = document, state_.tokens_of_document = static_cast<int64_t>(at), state_.done_bytes = done_bytes;
      save_state();
    }
  }

  void finish(uint64_t all_bytes) {
    state_.all_tokens = tokens();
    if (!pending_.empty()) write();
    state_.finished = true, state_.done_bytes = all_bytes;
    save_state();
  }

 private:
  void write() {
    write_token_shard(plan_.out / fmt::format("{}_{:06}.bin", plan_.name, state_.shards), pending_);
    ++state_.shards;
    pending_.clear();
  }
  void save_state() const { write_file_atomically(state_file_, text_of_state(state_), ErrorKind::data); }

  const TokenizePlan& plan_;
  fs::path state_file_;
  TokenizeState state_;
  std::vector<ShardToken> pending_;
};

/// What the shards depend on. Of the vocabulary the texts of all tokens.
std::string plan_identity(const text::Tokenizer& tokenizer, const TokenizePlan& plan) {
  Sha256 hash;
  const auto add = [&](const std::string& text) { hash.update(text.c_str(), text.size() + 1); };
  add(fmt::format("{} {} {} {}", tokenizer.kind(), tokenizer.vocabulary(), plan.shard_tokens, plan.key));
  for (text::TokenId id = 0; id < tokenizer.vocabulary(); ++id) add(tokenizer.decode({&id, 1}));
  for (const fs::path& input : plan.inputs) add(fmt::format("{} {}", input.filename().string(), fs::file_size(input)));
  return hash.finish();
}

TokenizeState state_of(const text::Tokenizer& tokenizer, const TokenizePlan& plan, const fs::path& file) {
  const std::string identity = plan_identity(tokenizer, plan);
  TokenizeState state;
  if (fs::exists(file)) state = parse_state(read_file(file, ErrorKind::data), file.string());
  if (!state.identity.empty() && state.identity != identity) {
    throw Error(ErrorKind::usage, "the folder holds shards of this name made of other inputs or by other settings", file.string(),
                "give another --out or --name, or remove the shards and this file");
  }
  state.identity = identity;
  return state;
}

void check_plan(const text::Tokenizer& tokenizer, const TokenizePlan& plan) {
  if (tokenizer.vocabulary() > kMostShardVocabulary) {
    throw Error(ErrorKind::usage, fmt::format("the vocabulary has {} tokens, but ids in shards have 16 bits", tokenizer.vocabulary()), "tokenize",
                fmt::format("take a tokenizer of at most {} tokens", kMostShardVocabulary));
  }
  TESSERA_ASSERT(plan.shard_tokens >= 1 && plan.shard_tokens <= kMostShardTokens && plan.threads >= 1, "the plan's numbers are checked by the caller");
  for (const fs::path& input : plan.inputs) {
    if (!fs::is_regular_file(input)) throw Error(ErrorKind::data, "there is no such file", input.string(), "name .txt, .jsonl or .gz files");
  }
}

}  // namespace

TokenizeProgress tokenize_files(const text::Tokenizer& tokenizer, const TokenizePlan& plan, const TokenizeObserver& observer) {
  check_plan(tokenizer, plan);
  fs::create_directories(plan.out);
  const fs::path state_file = plan.out / (plan.name + ".json");
  ShardStream shards(plan, state_file, state_of(tokenizer, plan, state_file));
  BatchReader reader(plan, shards.state());
  TokenizeProgress progress{shards.state().done_bytes, reader.all_bytes(), shards.state().done_bytes, shards.tokens(), shards.state().shards};
  if (shards.state().finished) {
    progress.tokens = shards.state().all_tokens;
    return progress;
  }
  using Encoded = std::pair<DocumentBatch, std::vector<EncodedDocument>>;
  std::deque<std::future<Encoded>> running;  // in order; errors come in order, too
  const auto start_next = [&] {
    if (auto batch = reader.next()) {
      running.push_back(std::async(std::launch::async, [&, taken = std::move(*batch)]() mutable {
        auto encoded = encode_batch(tokenizer, taken, plan.key);
        return Encoded(std::move(taken), std::move(encoded));
      }));
    }
  };
  for (int i = 0; i < plan.threads; ++i) start_next();
  while (!running.empty()) {
    const auto [batch, encoded] = running.front().get();
    running.pop_front();
    start_next();
    for (size_t i = 0; i < encoded.size(); ++i) shards.add(batch.input, batch.first_document + static_cast<int64_t>(i), encoded[i], batch.done_bytes);
    progress.done_bytes = batch.done_bytes, progress.tokens = shards.tokens(), progress.shards = shards.state().shards;
    observer(progress);
  }
  shards.finish(reader.all_bytes());
  progress.done_bytes = reader.all_bytes(), progress.tokens = shards.state().all_tokens, progress.shards = shards.state().shards;
  return progress;
}

}  // namespace tessera::data
