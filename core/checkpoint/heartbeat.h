// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>

namespace tessera::checkpoint {

/// Says that a run is alive by rewriting a small file again and again: for file systems without locks. The clocks of two hosts need not
/// agree: whoever wants the folder watches whether the file changes. It cannot be as tight as a lock: a run that is stopped for
/// longer than three intervals loses its claim.
class Heartbeat {
 public:
  /// Where `path` exists, watches it for three intervals, and throws Error(runtime) with its content if it changes. Then claims it.
  Heartbeat(const std::filesystem::path& path, const std::string& holder, std::chrono::milliseconds interval);
  /// Removes the file.
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

 private:
  void claim();
  void beat();
  void run(const std::stop_token& stop);

  std::filesystem::path path_;
  std::string holder_;
  std::chrono::milliseconds interval_;
  int descriptor_ = -1;
  uint64_t count_ = 0;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace tessera::checkpoint
