// SPDX-License-Identifier: Apache-2.0
#include "core/data/text_table_formats.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "core/base/error.h"

namespace tessera::data {
namespace {

constexpr std::string_view kCustom = "custom";

TableLayout named(std::string text, std::string pair, std::string target, std::vector<int64_t> cells = {}) {
  return {.header = true, .cells = std::move(cells), .text = std::move(text), .pair = std::move(pair), .target = std::move(target)};
}

TableLayout numbered(std::string text, std::string pair, std::string target, std::vector<int64_t> cells) {
  return {.header = false, .cells = std::move(cells), .text = std::move(text), .pair = std::move(pair), .target = std::move(target)};
}

/// Stanford Sentiment Treebank (Socher et al., EMNLP 2013).
TableFormat sst2() {
  return {.train = "train.tsv", .validation = "dev.tsv", .test = {}, .layouts = {named("sentence", "", "label")}, .labels = {"0", "1"},
          .class_names = {"negative", "positive"}, .score_range = {}};
}

/// Corpus of Linguistic Acceptability (Warstadt et al., TACL 2019): source, label, the author's mark, sentence; or sentence and label alone.
TableFormat cola() {
  return {.train = "train.tsv", .validation = "dev.tsv", .test = {}, .layouts = {numbered("3", "", "1", {4}), numbered("0", "", "1", {2})}, .labels = {"0", "1"},
          .class_names = {"unacceptable", "acceptable"}, .score_range = {}};
}

/// Microsoft Research Paraphrase Corpus (Dolan and Brockett, IWP 2005).
TableFormat mrpc() {
  return {.train = "msr_paraphrase_train.txt", .validation = {}, .test = "msr_paraphrase_test.txt", .layouts = {named("#1 String", "#2 String", "Quality")},
          .labels = {"0", "1"}, .class_names = {"different", "paraphrase"}, .score_range = {}};
}

/// Semantic Textual Similarity Benchmark (Cer et al., SemEval 2017), whose rows may end with two sources; or GLUE's edition of it, with a header.
TableFormat stsb() {
  return {.train = "sts-train.csv", .validation = "sts-dev.csv", .test = "sts-test.csv",
          .layouts = {numbered("5", "6", "4", {7, 9}), named("sentence1", "sentence2", "score", {10})}, .labels = {}, .class_names = {}, .score_range = {0.0, 5.0}};
}

using Maker = TableFormat (*)();
constexpr std::pair<std::string_view, Maker> kFormats[] = {{"sst2", sst2}, {"cola", cola}, {"mrpc", mrpc}, {"stsb", stsb}};

bool spelled_out(const TextTableConfig& config) {
  const TableLayout usual, &own = config.layout;
  const bool layout = own.header != usual.header || own.separator != usual.separator || own.quoted != usual.quoted || own.cells != usual.cells || own.text != usual.text ||
                      own.pair != usual.pair || own.target != usual.target;
  return layout || !config.labels.empty() || !config.score_range.empty();
}

TableFormat custom(const TextTableConfig& config) {
  if (config.labels.empty() == config.score_range.empty()) {
    throw Error(ErrorKind::usage, config.labels.empty() ? "nothing says what targets are" : "targets are both labels and scores", "data.labels",
                "give data.labels for classes or data.score_range for scores");
  }
  if (!config.score_range.empty() && (config.score_range.size() != 2 || config.score_range[0] >= config.score_range[1])) {
    throw Error(ErrorKind::usage, fmt::format("[{}] is no range", fmt::join(config.score_range, ", ")), "data.score_range", "give the least and the greatest score, as in [0, 5]");
  }
  return {.train = {}, .validation = {}, .test = {}, .layouts = {config.layout}, .labels = config.labels, .class_names = config.labels, .score_range = config.score_range};
}

TableFormat published(const TextTableConfig& config) {
  for (const auto& [name, make] : kFormats) {
    if (name != config.format) continue;
    if (!spelled_out(config)) return make();
    throw Error(ErrorKind::usage, fmt::format("layout, labels or score_range are given, but format {} says them", config.format), "data.format", "leave them out, or set data.format to custom");
  }
  throw Error(ErrorKind::usage, fmt::format("there is no format '{}'", config.format), "data.format", fmt::format("take one of {}", fmt::join(table_formats(), ", ")));
}

}  // namespace

std::vector<std::string> table_formats() {
  std::vector<std::string> names = {std::string(kCustom)};
  for (const auto& [name, make] : kFormats) names.emplace_back(name);
  return names;
}

TableFormat table_format(const TextTableConfig& config) {
  TableFormat format = config.format == kCustom ? custom(config) : published(config);
  const std::pair<const std::string*, std::string*> files[] = {{&config.train, &format.train}, {&config.validation, &format.validation}, {&config.test, &format.test}};
  for (const auto& [given, file] : files) {
    if (!given->empty()) *file = *given;
  }
  return format;
}

}  // namespace tessera::data
