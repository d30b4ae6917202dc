// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>

#include "core/base/error.h"

namespace tessera {

/// A file read by position. Not a memory map: there, a file that shrinks or a disk that fails ends the process by a signal;
/// here both are errors, of the kind given. Reading is thread-safe.
class InputFile {
 public:
  InputFile(const std::filesystem::path& path, ErrorKind kind);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  uint64_t size_bytes() const { return size_bytes_; }
  /// Of the last change of its contents, since 1970.
  int64_t modified_ns() const { return modified_ns_; }
  const std::filesystem::path& path() const { return path_; }
  /// Exactly `size_bytes` bytes; fewer are an error.
  void read_at(uint64_t offset_bytes, void* to, size_t size_bytes) const;

 private:
  std::filesystem::path path_;
  ErrorKind kind_;
  int descriptor_ = -1;
  uint64_t size_bytes_ = 0;
  int64_t modified_ns_ = 0;
};

}  // namespace tessera
