// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/heartbeat.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/file.h"

namespace tessera::checkpoint {
namespace {

/// Empty where there is no such file.
std::string content_of(const std::filesystem::path& path) {
  try {
    return read_file(path, ErrorKind::runtime);
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

Heartbeat::Heartbeat(const std::filesystem::path& path, const std::string& holder, std::chrono::milliseconds interval)
    : path_(path), holder_(holder), interval_(interval) {
  claim();
  beat();
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

Heartbeat::~Heartbeat() {
  thread_.request_stop();
  thread_.join();
  ::unlink(path_.c_str());
  ::close(descriptor_);
}

void Heartbeat::claim() {
  const std::string before = content_of(path_);
  if (!before.empty()) {
    std::this_thread::sleep_for(3 * interval_);
    const std::string after = content_of(path_);
    if (!after.empty() && after != before) {
      throw Error(ErrorKind::runtime, "in use by another run: " + after.substr(0, after.find('\n')), path_.parent_path().string(),
                  "wait for it, stop it, or choose another --out");
    }
  }
  ::unlink(path_.c_str());
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (descriptor_ < 0) {
    throw Error(ErrorKind::runtime, "cannot claim the folder: " + system_error_text(), path_.string(), "start again, or choose another --out");
  }
}

void Heartbeat::beat() {
  // Always as long, and over the same bytes: a disk that is full by now does not matter.
  const std::string content = fmt::format("{}\n{:020}\n", holder_, ++count_);
  [[maybe_unused]] const ssize_t written = ::pwrite(descriptor_, content.data(), content.size(), 0);
}

void Heartbeat::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, stop, interval_, [&] { return stop.stop_requested(); })) beat();
}

}  // namespace tessera::checkpoint
