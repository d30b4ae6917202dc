// SPDX-License-Identifier: Apache-2.0
// Writing safetensors files, the same bytes for the same input always.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/tensor/tensor.h"

namespace tessera {

/// A tensor to be written.
struct SafetensorsEntry {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;

  uint64_t size_bytes() const;
};

/// Where bytes go instead of a file: a hash, for example.
using ByteSink = std::function<void(const void* bytes, size_t size_bytes)>;

/// Streams one file: the header at construction, then the tensors' bytes in the order of the entries (which is the order
/// in the header and in the file, too; callers sort). The header is padded with spaces to a multiple of 8 bytes.
/// Throws Error(kind): duplicate or non-UTF-8 names, a full disk.
class SafetensorsWriter {
 public:
  SafetensorsWriter(const std::filesystem::path& path, std::vector<SafetensorsEntry> entries,
                    const std::map<std::string, std::string>& metadata = {}, ErrorKind kind = ErrorKind::checkpoint);
  SafetensorsWriter(ByteSink sink, std::vector<SafetensorsEntry> entries, const std::map<std::string, std::string>& metadata = {},
                    ErrorKind kind = ErrorKind::checkpoint);

  /// The next bytes of the current tensor: all of it, or a part. A call never crosses the end of a tensor.
  void write(const void* bytes, size_t size_bytes);
  /// The whole next tensor, in logical row-major order; dtype and shape must be the entry's.
  void write(const Tensor& tensor);
  /// Every tensor must have been written. Brings a file to the disk.
  void close();

  /// First byte of each entry, counted from the start of the file.
  const std::vector<uint64_t>& offsets() const { return offsets_; }
  uint64_t file_size_bytes() const { return file_size_bytes_; }

 private:
  void begin(const std::map<std::string, std::string>& metadata);
  void emit(const void* bytes, size_t size_bytes);
  void skip_finished();

  std::string where_;
  ErrorKind kind_;
  std::vector<SafetensorsEntry> entries_;
  std::unique_ptr<OutputFile> file_;
  ByteSink sink_;
  std::vector<uint64_t> offsets_;
  uint64_t file_size_bytes_ = 0;
  size_t current_ = 0;
  uint64_t written_bytes_ = 0;  // of the current entry
};

}  // namespace tessera
