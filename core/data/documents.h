// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "core/base/file.h"
#include "core/data/byte_source.h"

namespace tessera::data {

/// A document as it stands in its file.
struct RawDocument {
  std::string bytes;  ///< the text, or a line of JSON
  std::string where;  ///< file, or file:line
};

/// The documents of a file, in order: NAME.jsonl has one a line (empty lines none), any other file is one. Both may be gzip-compressed (NAME.gz).
class DocumentReader {
 public:
  /// Throws Error(data) where the file cannot be read.
  explicit DocumentReader(const std::filesystem::path& path);

  std::optional<RawDocument> next();
  /// Whether documents are lines of JSON, whose text text_of_json_line() gives.
  bool json_lines() const { return json_lines_; }
  uint64_t consumed_bytes() const { return source_->consumed_bytes(); }
  uint64_t size_bytes() const { return map_.bytes().size(); }

 private:
  std::optional<RawDocument> next_line();
  std::optional<RawDocument> whole_file();
  bool fill();

  std::filesystem::path path_;
  bool json_lines_;
  MappedFile map_;
  std::unique_ptr<ByteSource> source_;
  std::string pending_;  // read, from begin_ on not yet given out
  size_t begin_ = 0;
  uint64_t line_ = 0;
  bool given_ = false;
};

/// The text under `key` of a line of JSON. Throws Error(data) that begins with `where`.
std::string text_of_json_line(const RawDocument& line, const std::string& key);

}  // namespace tessera::data
