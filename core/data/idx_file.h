// SPDX-License-Identifier: Apache-2.0
// One file of MNIST's idx format (http://yann.lecun.com/exdb/mnist): 0, 0, element type, number of dims, the dims as
// big-endian 32-bit numbers, the elements row-major. Here the element type is unsigned byte.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "core/base/file.h"
#include "core/data/byte_source.h"
#include "core/tensor/tensor.h"

namespace tessera::data {

/// Checks the header at construction and reads the elements on request. Never allocates more than the header announces,
/// nor what a file of this size cannot hold. Errors are Error(data) and name the file.
class IdxReader {
 public:
  /// `dims` is what the header must say: 3 for images, 1 for labels. The bytes (plain or gzip) must outlive the reader.
  IdxReader(std::span<const std::byte> file, size_t dims, std::string where);

  const Shape& shape() const { return shape_; }
  /// The first `limit` entries of the first dim (0: all), u8. Reading all also checks the file to its end: nothing
  /// missing, nothing left, gzip checksum. To be called once.
  Tensor read(int64_t limit = 0);

 private:
  [[noreturn]] void fail(const std::string& what) const;
  uint32_t next_number();

  std::string where_;
  std::unique_ptr<ByteSource> source_;
  Shape shape_;
};

}  // namespace tessera::data
