// SPDX-License-Identifier: Apache-2.0
// Bytes in order, from memory or from gzip-compressed memory, with a bound on what a caller may sensibly ask for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace tessera::data {

class ByteSource {
 public:
  virtual ~ByteSource() = default;

  /// Fills as much of `destination` as there is; less only at the end. Throws Error(data) on damaged input.
  virtual size_t read(std::span<std::byte> destination) = 0;
  /// No more bytes than this can ever come out.
  virtual uint64_t most_bytes() const = 0;
  /// How much of the input has been read: of a compressed one, compressed bytes.
  virtual uint64_t consumed_bytes() const = 0;
};

/// gzip (RFC 1952, also several members in a row) or, by its first bytes, plain. `where` names the input in errors.
/// The bytes must outlive the source.
std::unique_ptr<ByteSource> open_bytes(std::span<const std::byte> bytes, std::string where);

}  // namespace tessera::data
