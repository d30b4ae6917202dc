// SPDX-License-Identifier: Apache-2.0
#include "launcher/report/skipped_log.h"

#include <fmt/core.h>

#include <cstdio>

namespace tessera::launcher {

void SkippedLog::add(std::span<const data::SkippedSample> skipped) {
  for (const data::SkippedSample& sample : skipped) {
    if (known_.size() > kMostNamed || !known_.insert(sample.index).second) continue;
    if (known_.size() <= kMostNamed) {
      fmt::print(stderr, "tessera: warning: skipped a sample: {}\n", sample.problem);
    } else {
      fmt::print(stderr, "tessera: warning: more samples are skipped; they are counted, but no longer named\n");
    }
  }
}

}  // namespace tessera::launcher
