// SPDX-License-Identifier: Apache-2.0
#include "core/data/documents.h"

#include <nlohmann/json.hpp>
#include <span>

#include "core/base/error.h"

namespace tessera::data {
namespace {

constexpr size_t kReadBytes = size_t{1} << 20;

bool names_json_lines(std::filesystem::path path) {
  if (path.extension() == ".gz") path.replace_extension();
  return path.extension() == ".jsonl";
}

}  // namespace

DocumentReader::DocumentReader(const std::filesystem::path& path)
    : path_(path), json_lines_(names_json_lines(path)), map_(path, ErrorKind::data), source_(open_bytes(map_.bytes(), path.string())) {}

std::optional<RawDocument> DocumentReader::next() { return json_lines_ ? next_line() : whole_file(); }

/// Appends to `pending_`; false at the end.
bool DocumentReader::fill() {
  pending_.erase(0, begin_);
  begin_ = 0;
  const size_t before = pending_.size();
  pending_.resize(before + kReadBytes);
  const size_t got = source_->read(std::as_writable_bytes(std::span(pending_).subspan(before)));
  pending_.resize(before + got);
  return got > 0;
}

std::optional<RawDocument> DocumentReader::whole_file() {
  if (given_) return std::nullopt;
  given_ = true;
  while (fill()) {
  }
  return RawDocument{std::move(pending_), path_.string()};
}

std::optional<RawDocument> DocumentReader::next_line() {
  for (size_t searched = begin_;;) {
    const size_t end = pending_.find('\n', searched);
    if (end == std::string::npos) {
      searched = pending_.size() - begin_;  // where new bytes will begin
      if (fill()) continue;
      if (pending_.empty()) return std::nullopt;
    }
    const size_t stop = std::min(end, pending_.size());
    std::string bytes = pending_.substr(begin_, stop - begin_);
    begin_ = std::min(stop + 1, pending_.size());
    searched = begin_;
    ++line_;
    if (bytes.find_first_not_of(" \t\r") != std::string::npos) return RawDocument{std::move(bytes), path_.string() + ":" + std::to_string(line_)};
    if (end == std::string::npos) return std::nullopt;
  }
}

std::string text_of_json_line(const RawDocument& line, const std::string& key) {
  const auto value = nlohmann::json::parse(line.bytes, nullptr, false);
  if (value.is_discarded()) throw Error(ErrorKind::data, "the line is no JSON", line.where, "write one JSON object a line");
  const auto found = value.is_object() ? value.find(key) : value.end();
  if (!value.is_object() || found == value.end() || !found->is_string()) {
    throw Error(ErrorKind::data, "the line has no text under '" + key + "'", line.where, "name the key of the text by --key");
  }
  return found->get<std::string>();
}

}  // namespace tessera::data
