// SPDX-License-Identifier: Apache-2.0
#include "core/base/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "core/base/file.h"

namespace tessera {

InputFile::InputFile(const std::filesystem::path& path, ErrorKind kind) : path_(path), kind_(kind) {
  // Without O_NONBLOCK, a fifo of that name would wait for a writer for ever.
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) throw Error(kind_, "cannot open: " + system_error_text(), path.string());
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor_);
    throw Error(kind_, "not a regular file", path.string());
  }
  size_bytes_ = static_cast<uint64_t>(status.st_size);
  modified_ns_ = static_cast<int64_t>(static_cast<uint64_t>(status.st_mtim.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(status.st_mtim.tv_nsec));
}

InputFile::~InputFile() { ::close(descriptor_); }

void InputFile::read_at(uint64_t offset_bytes, void* to, size_t size_bytes) const {
  auto* next = static_cast<char*>(to);
  while (size_bytes > 0) {
    const ssize_t got = ::pread(descriptor_, next, size_bytes, static_cast<off_t>(offset_bytes));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Error(kind_, "cannot read: " + system_error_text(), path_.string());
    if (got == 0) throw Error(kind_, "ends too early: it is truncated", path_.string());
    next += got;
    offset_bytes += static_cast<uint64_t>(got);
    size_bytes -= static_cast<size_t>(got);
  }
}

}  // namespace tessera
