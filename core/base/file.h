// SPDX-License-Identifier: Apache-2.0
// Whole-file helpers whose failures say path, system error and fix. Everything throws Error of the kind given.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "core/base/error.h"

namespace tessera {

/// The text of the current errno, for example "No space left on device".
std::string system_error_text();

std::string read_file(const std::filesystem::path& path, ErrorKind kind);

/// Writes `path` so that a crash leaves the old content or the new one: temporary file beside it, fsync, rename, fsync
/// of the folder.
void write_file_atomically(const std::filesystem::path& path, std::string_view content, ErrorKind kind);

/// Gives a finished file its name, durably.
void rename_into_place(const std::filesystem::path& temporary, const std::filesystem::path& path, ErrorKind kind);

/// Makes the names in `folder` durable.
void sync_folder(const std::filesystem::path& folder, ErrorKind kind);

/// A file opened for writing from its beginning. Errors (a full disk, say) are thrown by write() and close().
class OutputFile {
 public:
  OutputFile(const std::filesystem::path& path, ErrorKind kind);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(const void* bytes, size_t size_bytes);
  /// Brings everything to the disk and closes.
  void sync_and_close();

 private:
  [[noreturn]] void fail(std::string_view action) const;

  std::filesystem::path path_;
  ErrorKind kind_;
  int descriptor_ = -1;
};

/// A read-only memory map of a whole file. An empty file maps to an empty span.
class MappedFile {
 public:
  MappedFile(const std::filesystem::path& path, ErrorKind kind);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_bytes_}; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  size_t size_bytes_ = 0;
};

}  // namespace tessera
