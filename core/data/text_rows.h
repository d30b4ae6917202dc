// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/data/joined_text.h"
#include "core/data/text_table.h"
#include "core/data/text_table_formats.h"

namespace tessera::data {

/// What a row says of its text: one of the two.
struct RowTarget {
  int32_t label = 0;
  float score = 0.0f;
};

/// A split in memory.
struct TextRows {
  std::vector<text::TokenId> ids;  // of all samples, one after the other
  std::vector<size_t> ends;        // in ids
  std::vector<int32_t> of_first;   // tokens of the first text
  std::vector<RowTarget> targets;
  std::map<int64_t, std::string> broken;  // sample: what is wrong with its row
  text::TokenId padding = 0;
  int64_t vocabulary = 0;

  int64_t samples() const { return static_cast<int64_t>(ends.size()); }
  size_t begin(size_t sample) const { return sample == 0 ? 0 : ends[sample - 1]; }
};

/// What TableLayout::separator may say.
std::vector<std::string> table_separators();

/// The samples of a table, the first `limit` of them (0: all). Throws Error(data) with file and line for a file whose columns are not the format's, for one without rows, and, with OnError::stop,
/// for a broken row.
TextRows read_text_rows(const std::string& file, const TableFormat& format, const TextJoiner& joiner, int64_t limit, OnError on_error, const ReadingProgress& progress);

}  // namespace tessera::data
