// SPDX-License-Identifier: Apache-2.0
#include "core/data/text_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/data/splits.h"
#include "core/data/text_rows.h"

namespace tessera::data {
namespace {

class TextTable final : public Dataset {
 public:
  TextTable(TextRows rows, const TableFormat& format, int64_t context) : rows_(std::move(rows)), class_names_(format.class_names), context_(context) {
    const auto tokens = [&](std::string_view name) { return Field{std::string(name), DType::i64, {context}, false, true}; };
    fields_ = {tokens(kInputs), tokens(kTokenTypes), {std::string(kLengths), DType::i64, {}, false},
               {std::string(kTargets), format.labels.empty() ? DType::f32 : DType::i64, {}, false}};
  }

  int64_t samples() const override { return rows_.samples(); }
  const std::vector<Field>& fields() const override { return fields_; }
  std::optional<int64_t> length(int64_t index) const override { return std::max<int64_t>(tokens(index), 1); }
  std::optional<int64_t> vocabulary() const override { return rows_.vocabulary; }
  std::vector<std::string> class_names() const override { return class_names_; }
  std::optional<int64_t> classes() const override {
    return class_names_.empty() ? std::nullopt : std::optional(static_cast<int64_t>(class_names_.size()));
  }

  std::vector<int32_t> labels() const override {
    std::vector<int32_t> labels;
    for (const RowTarget& target : rows_.targets) {
      if (classes()) labels.push_back(target.label);
    }
    return labels;
  }

  void read(int64_t index, const SampleContext&, std::span<std::byte* const> destinations) const override {
    if (const auto broken = rows_.broken.find(index); broken != rows_.broken.end()) throw Error(ErrorKind::data, broken->second);
    const auto sample = static_cast<size_t>(index);
    const text::TokenId* const first = rows_.ids.data() + rows_.begin(sample);
    const int64_t length = tokens(index);
    auto* const ids = reinterpret_cast<int64_t*>(destinations[0]);
    auto* const types = reinterpret_cast<int64_t*>(destinations[1]);
    std::fill(std::copy(first, first + length, ids), ids + context_, rows_.padding);
    std::fill(types, types + context_, 0);
    std::fill(types + rows_.of_first[sample], types + length, 1);
    *reinterpret_cast<int64_t*>(destinations[2]) = length;
    const RowTarget& target = rows_.targets[sample];
    if (classes()) {
      *reinterpret_cast<int64_t*>(destinations[3]) = target.label;
    } else {
      *reinterpret_cast<float*>(destinations[3]) = target.score;
    }
  }

  std::string fingerprint() const override {
    Checksum sum;
    const auto update = [&](const auto& numbers) { sum.update(numbers.data(), numbers.size() * sizeof(numbers[0])); };
    update(rows_.ids);
    update(rows_.ends);
    update(rows_.of_first);
    update(rows_.targets);
    for (const auto& [sample, what] : rows_.broken) sum.update(&sample, sizeof sample);
    const std::string text = fmt::format("text table {} {} {} {:x}", context_, rows_.vocabulary, class_names_.size(), sum.value());
    return hex(checksum(text.data(), text.size()));
  }

 private:
  int64_t tokens(int64_t index) const {
    const auto sample = static_cast<size_t>(index);
    return static_cast<int64_t>(rows_.ends[sample] - rows_.begin(sample));
  }

  TextRows rows_;
  std::vector<std::string> class_names_;  // empty: targets are scores
  int64_t context_;
  std::vector<Field> fields_;
};

const std::string& file_of(const TableFormat& format, std::string_view split) {
  return source_of(split, {format.train, format.validation, format.test}, "no file is given", "give train, validation or test a table");
}

void check_context(const TableFormat& format, int64_t context) {
  for (const TableLayout& layout : format.layouts) {
    const bool pairs = !layout.pair.empty();
    const int64_t least = TextJoiner::least_context(pairs);
    if (context >= least) continue;
    throw Error(ErrorKind::usage, fmt::format("{} tokens have no room for {}", context, pairs ? "a pair of texts: [CLS] A [SEP] B [SEP]" : "a text: [CLS] A [SEP]"), "data.context",
                fmt::format("set it to {} or more", least));
  }
}

}  // namespace

void TableLayout::declare(config::Fields& fields) {
  fields.add("header", header, {.doc = "whether the first row names the columns"});
  fields.add("separator", separator, {.doc = "between cells", .choices = table_separators()});
  fields.add("quoted", quoted, {.doc = "whether a cell in double quotes may hold separators and line breaks; otherwise quotes are text"});
  fields.add("cells", cells, {.doc = "how many a row has, any of these; []: as many as the first row", .minimum = 1});
  fields.add("text", text, {.doc = "column of the text, or of the first of a pair: a name of the header, or a number from 0"});
  fields.add("pair", pair, {.doc = "column of the second text, likewise; empty: single texts"});
  fields.add("target", target, {.doc = "column of the class or score, likewise"});
}

void TextTableConfig::declare(config::Fields& fields) {
  using config::Effect;
  fields.add("root", root, {.doc = "folder that the files are relative to", .effect = Effect::free});
  fields.add("format", format, {.doc = "a table as GLUE's tasks publish it, with file names, layout and labels; custom: what layout, labels and score_range say", .choices = table_formats()});
  fields.add("train", train, {.doc = "table, plain or .gz; empty: the format's file name", .effect = Effect::free});
  fields.add("validation", validation, {.doc = "such a table, for evaluation", .effect = Effect::free});
  fields.add("test", test, {.doc = "such a table, for evaluation", .effect = Effect::free});
  fields.add("layout", layout, {.doc = "of the tables, with format custom"});
  fields.add("labels", labels, {.doc = "what the target column says for class 0, 1, ...; []: targets are scores"});
  fields.add("score_range", score_range, {.doc = "least and greatest score, as in [0, 5]; []: targets are classes"});
  fields.add("tokenizer", tokenizer, {.doc = "BERT's vocab.txt, or its folder", .effect = Effect::free, .required = true});
  fields.add("context", context, {.doc = "most tokens of a sample, [CLS] and [SEP] included; longer texts lose their ends, the longer of a pair first", .unit = "tokens", .minimum = 1});
  fields.add("limit_samples", limit_samples, {.doc = "use only the first samples of a split; 0: all", .unit = "samples", .minimum = 0});
}

std::unique_ptr<Dataset> open_text_table(const TextTableConfig& config, std::string_view split, OnError on_error, const ReadingProgress& progress) {
  const TableFormat format = table_format(config);
  const std::string file = (std::filesystem::path(config.root) / file_of(format, split)).string();
  check_limit(config.limit_samples);
  check_context(format, config.context);
  const TextJoiner joiner(text::open_tokenizer(config.tokenizer), config.context, config.tokenizer);
  return std::make_unique<TextTable>(read_text_rows(file, format, joiner, config.limit_samples, on_error, progress), format, config.context);
}

}  // namespace tessera::data
