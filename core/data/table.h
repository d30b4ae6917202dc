// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::data {

struct TableRow {
  std::vector<std::string> cells;
  int64_t line = 0;  ///< where it begins, from 1
};

/// The rows of a text of separated cells, a line each; lines of nothing but spaces are passed over, a byte order mark and carriage returns at ends of
/// lines dropped. With `quoted`, a cell that begins with a double quote goes to the next single one: separators, line breaks and doubled quotes may be in it (RFC 4180).
class TableReader {
 public:
  /// `text` must outlive the reader; `where` names it in errors.
  TableReader(std::string_view text, char separator, bool quoted, std::string where);

  /// Nothing at the end. Throws Error(data) where a quoted cell has no end.
  std::optional<TableRow> next();
  /// Bytes read so far.
  size_t consumed_bytes() const { return at_; }

 private:
  bool pass_blank_line();
  std::string plain_cell();
  std::string quoted_cell();

  std::string_view text_;
  char separator_;
  bool quoted_;
  std::string where_;
  size_t at_ = 0;
  int64_t line_ = 1;
};

}  // namespace tessera::data
