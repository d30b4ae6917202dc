// SPDX-License-Identifier: Apache-2.0
// Memory of a rank that others of its host map and read like their own: a file without a name.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/tensor/allocator.h"

namespace tessera::distributed::mpi {

class SharedBlock {
 public:
  /// How others find it.
  struct Name {
    int file = -1;  ///< descriptor of its owner, which keeps it open
    uint64_t inode = 0;
    uint64_t size_bytes = 0;
  };

  /// Zeroed, counted under `category`. Null where the system has no such files, or not as much memory.
  static std::shared_ptr<SharedBlock> make(size_t size_bytes, MemoryCategory category);
  /// That of another process, to be read. Null where the system does not let this process have it, or it is gone.
  static std::shared_ptr<SharedBlock> of(pid_t process, const Name& name);
  ~SharedBlock();
  SharedBlock(const SharedBlock&) = delete;
  SharedBlock& operator=(const SharedBlock&) = delete;

  std::byte* data() const { return data_; }
  const Name& name() const { return name_; }

 private:
  SharedBlock(std::byte* data, const Name& name) : data_(data), name_(name) {}
  static std::shared_ptr<SharedBlock> map(int file, const Name& name, int protection);

  std::byte* data_;
  Name name_;
  bool own_ = false;
  MemoryCategory category_ = MemoryCategory::communication;  // of an own block
};

}  // namespace tessera::distributed::mpi
