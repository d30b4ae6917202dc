// SPDX-License-Identifier: Apache-2.0
#include "core/data/idx_file.h"

#include <fmt/format.h>

#include <array>
#include <vector>

namespace tessera::data {

IdxReader::IdxReader(std::span<const std::byte> file, size_t dims, std::string where)
    : where_(std::move(where)), source_(open_bytes(file, where_)) {
  constexpr uint32_t kUnsignedByte = 0x08;
  const uint32_t expected = kUnsignedByte << 8 | static_cast<uint32_t>(dims);
  const uint32_t magic = next_number();
  if (magic != expected) fail(fmt::format("it begins with {:#010x}, not {:#010x} (unsigned bytes of {} dims)", magic, expected, dims));
  std::vector<int64_t> sizes;
  uint64_t total_bytes = 1;
  for (size_t dim = 0; dim < dims; ++dim) {
    const uint32_t size = next_number();
    if (size == 0 || size > static_cast<uint32_t>(INT32_MAX)) {
      fail(fmt::format("its header gives dim {} the size {}", dim, static_cast<int32_t>(size)));
    }
    sizes.push_back(size);
    total_bytes = total_bytes > UINT64_MAX / size ? UINT64_MAX : total_bytes * size;
  }
  shape_ = Shape(std::span<const int64_t>(sizes));
  if (total_bytes > source_->most_bytes()) {
    fail(fmt::format("its header announces {} elements, more than a file of this size can hold", shape_.text()));
  }
}

void IdxReader::fail(const std::string& what) const {
  throw Error(ErrorKind::data, "not a sound idx file: " + what, where_, "fetch or install it anew");
}

uint32_t IdxReader::next_number() {
  std::array<std::byte, 4> bytes{};
  if (source_->read(bytes) != bytes.size()) fail("it ends within its header");
  uint32_t number = 0;
  for (std::byte byte : bytes) number = number << 8 | std::to_integer<uint32_t>(byte);
  return number;
}

Tensor IdxReader::read(int64_t limit) {
  const bool all = limit <= 0 || limit >= shape_[0];
  Shape wanted = shape_;
  if (!all) wanted[0] = limit;
  Tensor tensor = Tensor::empty(wanted, DType::u8);
  const size_t got = source_->read({tensor.bytes(), tensor.size_bytes()});
  if (got != tensor.size_bytes()) {
    fail(fmt::format("its header announces {} elements, but it ends after {} of {} bytes", shape_.text(), got, tensor.size_bytes()));
  }
  std::array<std::byte, 1> more{};
  if (all && source_->read(more) != 0) fail(fmt::format("bytes follow the {} elements that its header announces", shape_.text()));
  return tensor;
}

}  // namespace tessera::data
