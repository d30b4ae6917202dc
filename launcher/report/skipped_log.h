// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>
#include <span>

#include "core/data/dataset.h"

namespace tessera::launcher {

/// Names samples that were skipped, each once a process, on standard error: the first few, since a broken disk breaks all of them.
class SkippedLog {
 public:
  void add(std::span<const data::SkippedSample> skipped);

 private:
  static constexpr size_t kMostNamed = 20;

  std::set<int64_t> known_;
};

}  // namespace tessera::launcher
