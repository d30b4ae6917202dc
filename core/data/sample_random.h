// SPDX-License-Identifier: Apache-2.0
// The random numbers of one sample in one epoch. Every kind of augmentation has numbers of its own, so that switching one on leaves the
// others alone.
#pragma once

#include <cstdint>

#include "core/base/philox.h"

namespace tessera::data {

enum class AugmentStage : uint32_t { crop = 1, flip = 2, jitter = 3, rand_augment = 4, erasing = 5, pairing = 6, masking = 7 };

/// A sequence that is a function of (seed, sample index, epoch, stage). Indices are below 2^56.
class SampleRandom {
 public:
  SampleRandom(uint64_t seed, int64_t index, int64_t epoch, AugmentStage stage)
      : key_(random_key(seed, RandomPurpose::augment, "image")),
        counter_{static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32) | static_cast<uint32_t>(stage) << 24,
                 static_cast<uint32_t>(epoch), 0} {}

  uint32_t bits() {
    if (used_ == block_.size()) {
      block_ = philox4x32(key_, counter_);
      ++counter_[3];
      used_ = 0;
    }
    return block_[used_++];
  }
  /// In [low, high), of 2^32 steps.
  double uniform(double low, double high) { return low + (high - low) * (static_cast<double>(bits()) * 0x1p-32); }
  /// In 0..count-1, by Lemire's multiplication; its bias is below count / 2^32.
  int64_t below(int64_t count) { return static_cast<int64_t>(uint64_t{bits()} * static_cast<uint64_t>(count) >> 32); }

 private:
  RandomKey key_;
  PhiloxBlock counter_, block_{};
  size_t used_ = 4;
};

}  // namespace tessera::data
