// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/base/lru_cache.h"
#include "core/data/dataset.h"
#include "core/data/sampler.h"

namespace tessera::data {

/// Another sampler's order, changed so that the samples of a quantum are about equally long and little is padded. An epoch's order is cut into windows of `window_quanta` quanta; in each,
/// samples are sorted by length and cut into quanta, which are put in an order of their own. Parts of an epoch that share their quantum with another epoch, and what is left
/// of a window behind its last whole quantum, stay as they are. Every epoch has the same samples as the other sampler's. Takes memory for a few windows.
class BucketSampler final : public Sampler {
 public:
  /// Throws Error(usage) where the data set does not know its samples' lengths.
  BucketSampler(std::shared_ptr<const Sampler> order, std::shared_ptr<const Dataset> dataset, int64_t micro_samples, int64_t window_quanta, uint64_t seed);

  int64_t samples() const override { return order_->samples(); }
  int64_t at(int64_t epoch, int64_t i) const override;

 private:
  using Window = std::vector<int64_t>;
  struct SameKey {
    size_t operator()(uint64_t key) const { return static_cast<size_t>(key); }
  };

  /// Samples of `quanta` quanta from place `first` of the epoch on; `stream` is the window's own.
  Window make_window(int64_t epoch, int64_t first, int64_t quanta, uint64_t stream) const;

  std::shared_ptr<const Sampler> order_;
  std::shared_ptr<const Dataset> dataset_;
  int64_t micro_samples_, window_quanta_;
  RandomKey key_;
  mutable std::mutex mutex_;
  mutable LruCache<uint64_t, Window, SameKey> windows_;
};

}  // namespace tessera::data
