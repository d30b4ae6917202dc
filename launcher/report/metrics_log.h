// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace tessera::launcher {

using NamedValues = std::vector<std::pair<std::string, double>>;

/// metrics.jsonl: one JSON object a logged step or evaluation. A resumed run continues the file; what it says of later steps than
/// the checkpoint's is dropped, so that every step appears once.
class MetricsLog {
 public:
  /// Keeps the lines of steps up to `resumed_step`. A file that cannot be written is reported once on standard error.
  MetricsLog(const std::filesystem::path& path, int64_t resumed_step);

  /// `kind` is "train", "evaluation" or "evaluation_ema"; values that are not finite are written as null.
  void add(const std::string& kind, int64_t step, const NamedValues& values);

 private:
  void write(const std::string& line);

  std::filesystem::path path_;
  std::ofstream file_;
  bool failed_ = false;
};

}  // namespace tessera::launcher
