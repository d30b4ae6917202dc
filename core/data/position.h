// SPDX-License-Identifier: Apache-2.0
// Where a run stands in its data. Position p counts samples since the beginning of the run; batches run across the end
// of an epoch and nothing is dropped.
#pragma once

#include <cstdint>

namespace tessera::data {

/// The `batch` block of a recipe. Quantum q of a step is the samples [q * micro, (q + 1) * micro) of the global batch.
struct BatchGeometry {
  int64_t global_samples = 1;
  int64_t micro_samples = 1;

  int64_t quanta() const { return global_samples / micro_samples; }
};

/// Throws Error(usage) naming the keys unless both are positive and micro_samples divides global_samples.
void check(const BatchGeometry& batch);

struct EpochPosition {
  int64_t epoch = 0;  ///< from 0
  int64_t index = 0;  ///< within the epoch, 0 <= index < samples
};

inline EpochPosition epoch_position(int64_t position, int64_t samples) { return {position / samples, position % samples}; }

/// First position of quantum `quantum` of step `step`; its samples are the next batch.micro_samples positions.
inline int64_t first_position(const BatchGeometry& batch, int64_t step, int64_t quantum) {
  return step * batch.global_samples + quantum * batch.micro_samples;
}

/// Steps of a run of `epochs` (may be fractional): floor(epochs * samples / global_samples), where a product within
/// rounding of a whole number of samples counts as that number (0.29 epochs of 100 samples are 29). Throws Error(usage)
/// for epochs that are not positive and finite, and for more samples than 2^53.
int64_t steps_of_epochs(double epochs, int64_t samples, int64_t global_samples);

}  // namespace tessera::data
