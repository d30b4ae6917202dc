// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/tensor/tensor.h"

namespace tessera {

/// What the largest magnitudes of a step say about its sums.
enum class GridVerdict { fits, replay, not_finite };

/// The fixed-point grid of every parameter tensor: a power of two that follows a running maximum of the magnitudes of that tensor's quantum
/// gradients. A function of the history of the run alone; saved in checkpoints.
///
/// Of the 63 bits of a sum, ceil(log2(quanta)) are room for the terms and 16 are headroom above the maximum (fewer where there
/// are so many quanta that less than 32 would remain below it).
class GradientGrid {
 public:
  GradientGrid(size_t tensors, int64_t quanta);

  /// No gradient was seen yet: there is nothing to round to.
  bool empty() const;
  /// Gradients are multiplied by this power of two and rounded to integers.
  double scale(size_t tensor) const;
  /// Judges a step by the bits of the largest |gradient| of each tensor over all quanta (as f32; see largest_magnitude_bits).
  GridVerdict judge(std::span<const uint32_t> largest_bits) const;
  /// Takes the maxima for the replay of the same step: the grid rises to them.
  void raise(std::span<const uint32_t> largest_bits);
  /// A step was committed: the grid rises at once and falls by at most half.
  void follow(std::span<const uint32_t> largest_bits);

  /// f32 [tensors]; the state that checkpoints keep. 0: no gradient seen yet.
  const Tensor& maxima() const { return maxima_; }

 private:
  int headroom_bits_;
  int fraction_bits_;
  Tensor maxima_;
};

}  // namespace tessera
