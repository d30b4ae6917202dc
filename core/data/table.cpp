// SPDX-License-Identifier: Apache-2.0
#include "core/data/table.h"

#include <algorithm>

#include "core/base/error.h"

namespace tessera::data {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr char kQuote = '"';

}  // namespace

TableReader::TableReader(std::string_view text, char separator, bool quoted, std::string where)
    : text_(text), separator_(separator), quoted_(quoted), where_(std::move(where)) {
  if (text_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
}

bool TableReader::pass_blank_line() {
  const size_t end = std::min(text_.find('\n', at_), text_.size());
  if (text_.substr(at_, end - at_).find_first_not_of(" \r") != std::string_view::npos) return false;
  at_ = std::min(end + 1, text_.size());
  ++line_;
  return true;
}

/// Up to a separator or the end of the line, where it stops.
std::string TableReader::plain_cell() {
  const size_t end = std::min(text_.find_first_of(std::string{separator_, '\n'}, at_), text_.size());
  std::string_view cell = text_.substr(at_, end - at_);
  if ((end == text_.size() || text_[end] == '\n') && cell.ends_with('\r')) cell.remove_suffix(1);
  at_ = end;
  return std::string(cell);
}

std::string TableReader::quoted_cell() {
  const int64_t begun = line_;
  std::string cell;
  for (++at_; at_ < text_.size(); ++at_) {
    const char byte = text_[at_];
    if (byte == '\n') ++line_;
    if (byte != kQuote) {
      cell += byte;
    } else if (at_ + 1 < text_.size() && text_[at_ + 1] == kQuote) {
      cell += text_[at_++];
    } else {
      ++at_;
      return cell + plain_cell();
    }
  }
  throw Error(ErrorKind::data, "a quoted cell begins here and never ends", where_ + ":" + std::to_string(begun),
              "close the quote, or read quotes as they stand (data.layout.quoted: false)");
}

std::optional<TableRow> TableReader::next() {
  while (at_ < text_.size() && pass_blank_line()) {
  }
  if (at_ == text_.size()) return std::nullopt;
  TableRow row{{}, line_};
  while (true) {
    const bool quoted = quoted_ && at_ < text_.size() && text_[at_] == kQuote;
    row.cells.push_back(quoted ? quoted_cell() : plain_cell());
    if (at_ == text_.size()) return row;
    if (text_[at_++] == '\n') break;
  }
  ++line_;
  return row;
}

}  // namespace tessera::data
