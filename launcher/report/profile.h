// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "core/base/profiler.h"
#include "distributed/runtime.h"

namespace tessera::launcher {

/// Where the time of a training run goes, on every rank. Fills a folder with profile.json (all ranks' phases; ops and kernels of rank 0)
/// and trace_rank<r>.json (Chrome's trace format: chrome://tracing, ui.perfetto.dev).
class ProfileReport {
 public:
  /// Collective. Throws AgreedError(usage) where a rank cannot write to the folder.
  ProfileReport(std::filesystem::path folder, int64_t traced_steps, distributed::Runtime& runtime);
  ~ProfileReport();
  ProfileReport(const ProfileReport&) = delete;
  ProfileReport& operator=(const ProfileReport&) = delete;

  /// Measures this thread from now on.
  void begin();
  void begin_step() { profiler_->begin_step(); }
  /// Collective. Writes the files and gives the table, line by line, to `say` on rank 0. What cannot be written is said, not thrown:
  /// training is done.
  void finish(const std::function<void(const std::string&)>& say);

 private:
  std::filesystem::path trace_file() const;

  std::filesystem::path folder_;
  int64_t traced_steps_;
  distributed::Runtime& runtime_;
  std::unique_ptr<Profiler> profiler_;
};

}  // namespace tessera::launcher
