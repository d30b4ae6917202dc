// SPDX-License-Identifier: Apache-2.0
// One run at a time writes into a run folder.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "core/checkpoint/heartbeat.h"

namespace tessera::checkpoint {

struct LockOptions {
  /// flock(2); a test puts another in its place. Gives 0, or an errno.
  std::function<int(int descriptor)> try_lock;
  std::chrono::milliseconds heartbeat_interval{5000};
  /// Receives one line where the file system has no locks.
  std::function<void(const std::string& warning)> warn;
};

/// Holds `folder`/lock by flock(2) while the object lives; the system lets go of it however the process ends. Where flock is not
/// supported: a Heartbeat, and a warning. Throws Error(runtime), which names the holder's process and host, where another run has it.
class RunLock {
 public:
  explicit RunLock(const std::filesystem::path& folder, const LockOptions& options = {});
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  int descriptor_ = -1;
  std::unique_ptr<Heartbeat> heartbeat_;
};

}  // namespace tessera::checkpoint
