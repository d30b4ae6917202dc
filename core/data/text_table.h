// SPDX-License-Identifier: Apache-2.0
// `data.kind: text_table`: texts or pairs of texts with a class or a score each, a row of a table each; GLUE's tasks among them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/fields.h"
#include "core/data/dataset.h"

namespace tessera::data {

/// How a file is laid out. Columns are named as the header names them, or by their number from 0.
struct TableLayout {
  bool header = true;
  std::string separator = "tab";
  bool quoted = false;
  std::vector<int64_t> cells{};  ///< of a row, any of these; empty: as many as the first row has
  std::string text = "sentence";
  std::string pair{};  ///< empty: single texts
  std::string target = "label";
  void declare(config::Fields& fields);
};

/// Keys of the `data` block. A split whose file is not given does not exist.
struct TextTableConfig {
  std::string root;
  std::string format = "custom";
  std::string train, validation, test;  ///< relative to root; empty: the format's
  TableLayout layout;                   ///< of format custom, as are the next two
  std::vector<std::string> labels;      ///< what the target column says for class 0, 1, ...; empty: targets are scores
  std::vector<double> score_range;      ///< least and greatest score
  std::string tokenizer;
  int64_t context = 128;
  int64_t limit_samples = 0;
  void declare(config::Fields& fields);
};

/// Told how many bytes of a file are read and how many there are.
using ReadingProgress = std::function<void(int64_t done_bytes, int64_t all_bytes)>;

/// `inputs` i64 [context] ([CLS] A [SEP], or [CLS] A [SEP] B [SEP], then [PAD]), `token_types` i64 [context], `lengths` i64 [], `targets` i64 [] (class) or f32 [] (score); the file is
/// tokenized here and kept in memory. A row that is broken throws Error(data) of one line with file and line: here with OnError::stop, when it is read with OnError::skip.
/// Throws Error(usage) for keys that do not fit each other.
std::unique_ptr<Dataset> open_text_table(const TextTableConfig& config, std::string_view split, OnError on_error, const ReadingProgress& progress = {});

}  // namespace tessera::data
