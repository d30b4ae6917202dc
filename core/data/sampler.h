// SPDX-License-Identifier: Apache-2.0
// The order of samples as a function (epoch, i) -> sample, so that any rank can start anywhere.
#pragma once

#include <cstdint>

#include "core/base/philox.h"

namespace tessera::data {

class Sampler {
 public:
  virtual ~Sampler() = default;

  virtual int64_t samples() const = 0;
  /// The sample at place `i` (0 <= i < samples()) of `epoch` (from 0). Pure and thread-safe.
  virtual int64_t at(int64_t epoch, int64_t i) const = 0;
};

/// The order of the data set.
class SequentialSampler final : public Sampler {
 public:
  explicit SequentialSampler(int64_t samples) : samples_(samples) {}

  int64_t samples() const override { return samples_; }
  int64_t at(int64_t, int64_t i) const override { return i; }

 private:
  int64_t samples_;
};

/// Permutations of [0, count), one for each (key, stream), in O(1) memory: a balanced Feistel network over the smallest
/// domain of an even number of bits that holds all values; those outside [0, count) walk the cycle until they fall
/// inside (Black and Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002). Round keys are drawn from Philox.
/// The number of rounds and the round function belong to recipe schema 1: changing them changes every training run.
class Permutation {
 public:
  static constexpr int kRounds = 12;

  /// `count` is at least 1.
  Permutation(int64_t count, RandomKey key);

  int64_t at(uint64_t stream, int64_t i) const;
  int64_t count() const { return count_; }

 private:
  int64_t count_;
  RandomKey key_;
  unsigned half_bits_;
};

/// Every sample once an epoch, in an order of the epoch's own.
class PermutationSampler final : public Sampler {
 public:
  /// `samples` is at least 1.
  PermutationSampler(int64_t samples, uint64_t seed) : permutation_(samples, random_key(seed, RandomPurpose::shuffle)) {}

  int64_t samples() const override { return permutation_.count(); }
  int64_t at(int64_t epoch, int64_t i) const override { return permutation_.at(static_cast<uint64_t>(epoch), i); }

 private:
  Permutation permutation_;
};

}  // namespace tessera::data
