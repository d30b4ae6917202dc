// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "core/base/error.h"
#include "core/base/file.h"

namespace tessera::checkpoint {
namespace {

constexpr const char* kInUseFix = "wait for it, stop it, or choose another --out";

/// 0, or an errno.
int flock_now(int descriptor) {
  while (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

std::string describe_this_process() {
  char host[256] = "unknown host";
  ::gethostname(host, sizeof host - 1);
  return fmt::format("process {} on {}", ::getpid(), host);
}

/// Who wrote the lock file; empty where it cannot be read.
std::string holder_in(int descriptor) {
  char text[300];
  const ssize_t got = ::pread(descriptor, text, sizeof text, 0);
  const std::string holder(text, got > 0 ? static_cast<size_t>(got) : 0);
  return holder.substr(0, holder.find('\n'));
}

/// For people and for the other run's error; whether it succeeds does not matter to the lock.
void write_holder(int descriptor, const std::string& holder) {
  const std::string line = holder + "\n";
  [[maybe_unused]] const int cut = ::ftruncate(descriptor, 0);
  [[maybe_unused]] const ssize_t written = ::pwrite(descriptor, line.data(), line.size(), 0);
}

bool is_unsupported(int error) { return error == ENOLCK || error == EOPNOTSUPP || error == ENOSYS || error == EINVAL; }

}  // namespace

RunLock::RunLock(const std::filesystem::path& folder, const LockOptions& options) {
  const std::filesystem::path path = folder / "lock";
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) throw Error(ErrorKind::runtime, "cannot open: " + system_error_text(), path.string(), "make the folder writable");
  try {
    const int error = options.try_lock ? options.try_lock(descriptor_) : flock_now(descriptor_);
    if (error == EWOULDBLOCK) throw Error(ErrorKind::runtime, "in use by another run: " + holder_in(descriptor_), folder.string(), kInUseFix);
    if (is_unsupported(error)) {
      if (options.warn) options.warn(folder.string() + ": the file system has no locks; a heartbeat file guards against a second run instead");
      heartbeat_ = std::make_unique<Heartbeat>(folder / "heartbeat", describe_this_process(), options.heartbeat_interval);
    } else if (error != 0) {
      errno = error;
      throw Error(ErrorKind::runtime, "cannot lock: " + system_error_text(), path.string());
    }
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
  write_holder(descriptor_, describe_this_process());
}

RunLock::~RunLock() { ::close(descriptor_); }

}  // namespace tessera::checkpoint
