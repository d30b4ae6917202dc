// SPDX-License-Identifier: Apache-2.0
// Evaluation: the samples in order, cut into fixed chunks, each on one rank. So every sample is seen exactly once
// and the bits of a chunk's sums do not depend on the number of ranks.
#pragma once

#include <algorithm>
#include <cstdint>

namespace tessera::data {

struct Chunks {
  int64_t samples = 0;        ///< of the split
  int64_t chunk_samples = 1;  ///< the last chunk may be shorter

  int64_t count() const { return (samples + chunk_samples - 1) / chunk_samples; }
  int64_t begin(int64_t chunk) const { return chunk * chunk_samples; }
  int64_t end(int64_t chunk) const { return std::min(begin(chunk) + chunk_samples, samples); }
};

}  // namespace tessera::data
