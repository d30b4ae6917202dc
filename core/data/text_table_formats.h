// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/text_table.h"

namespace tessera::data {

/// Tables as somebody publishes them.
struct TableFormat {
  std::string train, validation, test;  ///< files; empty: none is published
  std::vector<TableLayout> layouts;     ///< the first one with as many cells as the file's first row has counts
  std::vector<std::string> labels;      ///< in the target column
  std::vector<std::string> class_names;
  std::vector<double> score_range;
};

/// What data.format may say.
std::vector<std::string> table_formats();

/// The format's with the config's files, or what the config spells out. Throws Error(usage) where it spells out what the format says, or says neither or both of labels and score_range.
TableFormat table_format(const TextTableConfig& config);

}  // namespace tessera::data
