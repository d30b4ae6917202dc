// SPDX-License-Identifier: Apache-2.0
// The safetensors file format (https://github.com/huggingface/safetensors#format): 8 bytes little-endian header length,
// a JSON header, then the tensors' bytes, row-major and gapless. Here: reading. Writing is safetensors_writer.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/tensor/tensor.h"

namespace tessera {

/// One tensor as the header describes it.
struct TensorInfo {
  std::string name;
  std::string dtype;           ///< as the file spells it: "F32", "BF16", "I64", ...
  std::vector<int64_t> shape;  ///< any number of dims
  uint64_t begin = 0;          ///< first byte, counted from the start of the file
  uint64_t end = 0;            ///< one past the last byte

  uint64_t size_bytes() const { return end - begin; }
  int64_t elements() const;
};

struct SafetensorsHeader {
  std::vector<TensorInfo> tensors;  ///< in the order of their bytes in the file
  std::map<std::string, std::string> metadata;
};

/// Checks and parses the header of a whole file in memory: lengths, JSON, duplicate names, dtypes, shapes, and that the
/// tensors fill the file without gap or overlap. Throws Error(kind) of one line that begins with `where`.
SafetensorsHeader parse_safetensors(std::span<const std::byte> file, std::string_view where, ErrorKind kind);

/// A checked, memory-mapped safetensors file. Copies share the map.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path, ErrorKind kind = ErrorKind::data);

  const std::vector<TensorInfo>& tensors() const { return header_.tensors; }
  const std::map<std::string, std::string>& metadata() const { return header_.metadata; }
  const std::filesystem::path& path() const { return map_->path(); }
  /// In byte order.
  std::vector<std::string> names() const;

  bool contains(std::string_view name) const { return find(name) != nullptr; }
  /// Null where the file has no such tensor.
  const TensorInfo* find(std::string_view name) const;
  /// Throws where the file has no such tensor.
  const TensorInfo& info(std::string_view name) const;
  std::span<const std::byte> bytes(const TensorInfo& info) const;

  /// The tensor in the file's own dtype: a read-only view of the map, or a copy where the bytes are not aligned for it.
  /// Throws for dtypes that Tensor lacks and for more dims than Shape::kMaxDims.
  Tensor tensor(std::string_view name) const;
  /// The tensor converted: to f32 from any float or integer dtype of at least 8 bits (F64 and wide integers are
  /// rounded), to i64 from BOOL and any integer (U64 above 2^63-1 is an error). A view where nothing needs converting.
  Tensor tensor_as(std::string_view name, DType dtype) const;

 private:
  Shape shape_of(const TensorInfo& info) const;
  [[noreturn]] void fail(const TensorInfo& info, std::string_view what, std::string_view fix) const;

  std::shared_ptr<const MappedFile> map_;
  ErrorKind kind_;
  SafetensorsHeader header_;
  std::map<std::string, size_t, std::less<>> index_;  // name -> position in header_.tensors
};

}  // namespace tessera
