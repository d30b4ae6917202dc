// SPDX-License-Identifier: Apache-2.0
#include "core/data/text_rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/config/scalar.h"
#include "core/data/documents.h"
#include "core/data/table.h"

namespace tessera::data {
namespace {

constexpr std::pair<std::string_view, char> kSeparators[] = {{"tab", '\t'}, {"comma", ','}, {"semicolon", ';'}};

char separator_of(const TableLayout& layout) {
  for (const auto& [name, separator] : kSeparators) {
    if (name == layout.separator) return separator;
  }
  throw Error(ErrorKind::usage, fmt::format("there is no separator '{}'", layout.separator), "data.layout.separator", "take tab, comma or semicolon");
}

bool in_list(const std::vector<int64_t>& counts, size_t cells) { return std::ranges::find(counts, static_cast<int64_t>(cells)) != counts.end(); }

/// The layout that the file's first row has.
TableLayout find_layout(const TableFormat& format, const std::string& text, const std::string& where) {
  std::vector<int64_t> known;
  size_t cells = 0;
  for (const TableLayout& layout : format.layouts) {
    const auto first = TableReader(text, separator_of(layout), layout.quoted, where).next();
    if (!first) throw Error(ErrorKind::data, "it has no row", where, "give a file with a row for each text");
    cells = first->cells.size();
    if (layout.cells.empty() || in_list(layout.cells, cells)) return layout;
    known.insert(known.end(), layout.cells.begin(), layout.cells.end());
  }
  throw Error(ErrorKind::data, fmt::format("its first row has {} cells, but there should be {}", cells, fmt::join(known, " or ")), where + ":1", "correct the file, data.format or data.layout");
}

/// Where the texts and the target stand in a row.
struct Columns {
  size_t text, target;
  std::optional<size_t> pair;
};

size_t find_column(const std::string& name, const TableLayout& layout, const TableRow& first, const std::string& where) {
  const auto found = layout.header ? std::ranges::find(first.cells, name) : first.cells.end();
  if (found != first.cells.end()) return static_cast<size_t>(found - first.cells.begin());
  const auto number = parse_digits(name);
  if (number && *number < first.cells.size()) return static_cast<size_t>(*number);
  const std::string known = layout.header ? fmt::format("the header has {}", fmt::join(first.cells, ", ")) : fmt::format("columns are 0..{}", first.cells.size() - 1);
  throw Error(ErrorKind::data, fmt::format("there is no column '{}': {}", name, known), fmt::format("{}:{}", where, first.line), "correct data.layout, or the file");
}

/// Makes samples of the rows of one file.
class RowsReader {
 public:
  RowsReader(const TableFormat& format, const TextJoiner& joiner, std::string text, std::string where)
      : format_(format), joiner_(joiner), text_(std::move(text)), where_(std::move(where)), layout_(find_layout(format, text_, where_)),
        reader_(text_, separator_of(layout_), layout_.quoted, where_) {}

  TextRows read(int64_t limit, OnError on_error, const ReadingProgress& progress);

 private:
  void add(const TableRow& row, OnError on_error, TextRows& rows) const;
  /// Throw Error(data) without a place.
  void check_cells(const TableRow& row) const;
  RowTarget target_of(const std::string& cell) const;

  const TableFormat& format_;
  const TextJoiner& joiner_;
  std::string text_, where_;
  TableLayout layout_;
  TableReader reader_;
  Columns columns_{};
  std::vector<int64_t> counts_;  // cells that a row may have
};

TextRows RowsReader::read(int64_t limit, OnError on_error, const ReadingProgress& progress) {
  TextRows rows;
  rows.padding = joiner_.padding();
  rows.vocabulary = joiner_.vocabulary();
  std::optional<TableRow> row = reader_.next();
  const auto column = [&](const std::string& name) { return find_column(name, layout_, *row, where_); };
  columns_ = {column(layout_.text), column(layout_.target), layout_.pair.empty() ? std::nullopt : std::optional(column(layout_.pair))};
  counts_ = layout_.cells.empty() ? std::vector{static_cast<int64_t>(row->cells.size())} : layout_.cells;
  if (layout_.header) row = reader_.next();
  for (; row && (limit == 0 || rows.samples() < limit); row = reader_.next()) {
    add(*row, on_error, rows);
    if (progress) progress(static_cast<int64_t>(reader_.consumed_bytes()), static_cast<int64_t>(text_.size()));
  }
  if (rows.ends.empty()) throw Error(ErrorKind::data, "it has no row below its header", where_, "give a row for each text");
  return rows;
}

/// Of a broken row the sample stays, so that the others keep their numbers.
void RowsReader::add(const TableRow& row, OnError on_error, TextRows& rows) const {
  RowTarget target;
  int64_t of_first = 0;
  try {
    check_cells(row);
    target = target_of(row.cells[columns_.target]);
    const auto pair = columns_.pair ? std::optional<std::string_view>(row.cells[*columns_.pair]) : std::nullopt;
    of_first = joiner_.join(row.cells[columns_.text], pair, rows.ids);
  } catch (const Error& error) {
    const Error placed(ErrorKind::data, error.what(), fmt::format("{}:{}", where_, row.line), "correct the row, or set data.on_error to skip");
    if (on_error == OnError::stop) throw placed;
    rows.broken.emplace(rows.samples(), placed.what());
  }
  rows.ends.push_back(rows.ids.size());
  rows.of_first.push_back(static_cast<int32_t>(of_first));
  rows.targets.push_back(target);
}

void RowsReader::check_cells(const TableRow& row) const {
  if (in_list(counts_, row.cells.size())) return;
  throw Error(ErrorKind::data, fmt::format("the row has {} cells, but there should be {}", row.cells.size(), fmt::join(counts_, " or ")));
}

RowTarget RowsReader::target_of(const std::string& cell) const {
  RowTarget target;
  if (!format_.labels.empty()) {
    const auto found = std::ranges::find(format_.labels, cell);
    if (found == format_.labels.end()) throw Error(ErrorKind::data, fmt::format("the label '{}' is none of {}", cell.substr(0, 40), fmt::join(format_.labels, ", ")));
    target.label = static_cast<int32_t>(found - format_.labels.begin());
    return target;
  }
  const std::optional<double> score = config::parse_double(cell);
  if (!score || !(*score >= format_.score_range[0] && *score <= format_.score_range[1])) {
    throw Error(ErrorKind::data, fmt::format("the score '{}' is no number in {}..{}", cell.substr(0, 40), format_.score_range[0], format_.score_range[1]));
  }
  target.score = static_cast<float>(*score);
  return target;
}

std::string whole_table(const std::string& path) {
  DocumentReader reader(path);
  if (reader.json_lines()) throw Error(ErrorKind::data, "lines of JSON are no table", path, "give a file of separated cells");
  return reader.next()->bytes;
}

}  // namespace

std::vector<std::string> table_separators() {
  std::vector<std::string> names;
  for (const auto& [name, separator] : kSeparators) names.emplace_back(name);
  return names;
}

TextRows read_text_rows(const std::string& file, const TableFormat& format, const TextJoiner& joiner, int64_t limit, OnError on_error, const ReadingProgress& progress) {
  return RowsReader(format, joiner, whole_table(file), file).read(limit, on_error, progress);
}

}  // namespace tessera::data
