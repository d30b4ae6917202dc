// SPDX-License-Identifier: Apache-2.0
#include "core/base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace tessera {
namespace {

/// Closes a descriptor on every path out of a scope.
class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }

 private:
  int value_;
};

[[noreturn]] void fail(ErrorKind kind, std::string_view action, const std::filesystem::path& path) {
  const std::string reason = system_error_text();
  throw Error(kind, std::string(action) + ": " + reason, path.string());
}

}  // namespace

std::string system_error_text() { return std::generic_category().message(errno); }

std::string read_file(const std::filesystem::path& path, ErrorKind kind) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) fail(kind, "cannot open", path);
  std::string content;
  char chunk[1 << 16];
  while (true) {
    const ssize_t got = ::read(file.get(), chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(kind, "cannot read", path);
    if (got == 0) return content;
    content.append(chunk, static_cast<size_t>(got));
  }
}

void write_file_atomically(const std::filesystem::path& path, std::string_view content, ErrorKind kind) {
  std::filesystem::path temporary = path;
  temporary += ".tmp";
  OutputFile file(temporary, kind);
  file.write(content.data(), content.size());
  file.sync_and_close();
  rename_into_place(temporary, path, kind);
}

void rename_into_place(const std::filesystem::path& temporary, const std::filesystem::path& path, ErrorKind kind) {
  if (::rename(temporary.c_str(), path.c_str()) != 0) fail(kind, "cannot rename into place", path);
  sync_folder(path.has_parent_path() ? path.parent_path() : ".", kind);
}

void sync_folder(const std::filesystem::path& folder, ErrorKind kind) {
  const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0) fail(kind, "cannot open folder", folder);
  // Some file systems cannot sync a folder and say EINVAL; there is nothing more to do then.
  if (::fsync(directory.get()) != 0 && errno != EINVAL) fail(kind, "cannot sync folder", folder);
}

OutputFile::OutputFile(const std::filesystem::path& path, ErrorKind kind) : path_(path), kind_(kind) {
  descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail("cannot create");
}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void OutputFile::fail(std::string_view action) const { tessera::fail(kind_, action, path_); }

void OutputFile::write(const void* bytes, size_t size_bytes) {
  const char* next = static_cast<const char*>(bytes);
  while (size_bytes > 0) {
    const ssize_t written = ::write(descriptor_, next, size_bytes);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("cannot write");
    next += written;
    size_bytes -= static_cast<size_t>(written);
  }
}

void OutputFile::sync_and_close() {
  if (::fsync(descriptor_) != 0) fail("cannot sync");
  if (::close(std::exchange(descriptor_, -1)) != 0) fail("cannot close");
}

MappedFile::MappedFile(const std::filesystem::path& path, ErrorKind kind) : path_(path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) fail(kind, "cannot open", path);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail(kind, "cannot stat", path);
  if (!S_ISREG(status.st_mode)) throw Error(kind, "not a regular file", path.string());
  size_bytes_ = static_cast<size_t>(status.st_size);
  if (size_bytes_ == 0) return;
  void* mapped = ::mmap(nullptr, size_bytes_, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (mapped == MAP_FAILED) fail(kind, "cannot map", path);
  data_ = static_cast<const std::byte*>(mapped);
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<std::byte*>(data_), size_bytes_);
}

}  // namespace tessera
