// SPDX-License-Identifier: Apache-2.0
// Memory of the communication's own.
#pragma once

#include <cstddef>

namespace tessera::distributed::mpi {

/// A block of library-owned memory that receives land in.
class Staging {
 public:
  Staging() = default;
  explicit Staging(size_t size_bytes);
  ~Staging();
  Staging(Staging&& other) noexcept;
  Staging& operator=(Staging&& other) noexcept;

  std::byte* data() const { return data_; }

 private:
  std::byte* data_ = nullptr;
  size_t size_bytes_ = 0;
};

}  // namespace tessera::distributed::mpi
