// SPDX-License-Identifier: Apache-2.0
#include "distributed/mpi/staging.h"

#include <utility>

#include "core/tensor/allocator.h"

namespace tessera::distributed::mpi {

Staging::Staging(size_t size_bytes)
    : data_(static_cast<std::byte*>(allocate_bytes(size_bytes, MemoryCategory::communication))), size_bytes_(size_bytes) {}

Staging::~Staging() {
  if (data_) free_bytes(data_, size_bytes_, MemoryCategory::communication);
}

Staging::Staging(Staging&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_bytes_(std::exchange(other.size_bytes_, 0)) {}

Staging& Staging::operator=(Staging&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_bytes_, other.size_bytes_);
  return *this;
}

}  // namespace tessera::distributed::mpi
