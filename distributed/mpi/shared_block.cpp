// SPDX-License-Identifier: Apache-2.0
#include "distributed/mpi/shared_block.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tessera::distributed::mpi {

std::shared_ptr<SharedBlock> SharedBlock::map(int file, const Name& name, int protection) {
  void* memory = mmap(nullptr, name.size_bytes, protection, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) return nullptr;
  madvise(memory, name.size_bytes, MADV_HUGEPAGE);  // advice, which few systems take for files
  return std::shared_ptr<SharedBlock>(new SharedBlock(static_cast<std::byte*>(memory), name));
}

std::shared_ptr<SharedBlock> SharedBlock::make(size_t size_bytes, MemoryCategory category) {
  const int file = memfd_create("tessera", MFD_CLOEXEC);
  if (file < 0) return nullptr;
  struct stat status {};
  const bool sized = fallocate(file, 0, 0, static_cast<off_t>(size_bytes)) == 0 && fstat(file, &status) == 0;  // now, as later there would be no error but a signal
  std::shared_ptr<SharedBlock> block = sized ? map(file, {file, status.st_ino, size_bytes}, PROT_READ | PROT_WRITE) : nullptr;
  if (!block) {
    close(file);
    return nullptr;
  }
  block->own_ = true;
  block->category_ = category;
  count_bytes_from_elsewhere(category, static_cast<ptrdiff_t>(size_bytes));
  return block;
}

std::shared_ptr<SharedBlock> SharedBlock::of(pid_t process, const Name& name) {
  const int file = open(fmt::format("/proc/{}/fd/{}", process, name.file).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return nullptr;
  struct stat status {};
  const bool is_it = fstat(file, &status) == 0 && status.st_ino == name.inode && static_cast<uint64_t>(status.st_size) == name.size_bytes;
  std::shared_ptr<SharedBlock> block = is_it ? map(file, name, PROT_READ) : nullptr;
  close(file);  // the map stays
  return block;
}

SharedBlock::~SharedBlock() {
  munmap(data_, name_.size_bytes);
  if (!own_) return;
  close(name_.file);
  count_bytes_from_elsewhere(category_, -static_cast<ptrdiff_t>(name_.size_bytes));
}

}  // namespace tessera::distributed::mpi
