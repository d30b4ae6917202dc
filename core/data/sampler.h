// SPDX-License-Identifier: Apache-2.0
// The order of samples as a function (epoch, i) -> sample, so that any rank can start anywhere.
#pragma once

#include <cstdint>

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

/// A permutation of [0, samples) for each (seed, epoch), in O(1) memory: a balanced Feistel network over the smallest
/// domain of an even number of bits that holds all samples; values outside [0, samples) walk the cycle until they fall
/// inside (Black and Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002). Round keys are drawn from Philox.
/// The number of rounds and the round function belong to recipe schema 1: changing them changes every training run.
class PermutationSampler final : public Sampler {
 public:
  static constexpr int kRounds = 12;

  /// `samples` is at least 1.
  PermutationSampler(int64_t samples, uint64_t seed);

  int64_t samples() const override { return samples_; }
  int64_t at(int64_t epoch, int64_t i) const override;

 private:
  int64_t samples_;
  uint64_t seed_;
  unsigned half_bits_;
};

}  // namespace tessera::data
