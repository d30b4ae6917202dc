// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/exact/exact_scalar.h"
#include "core/exact/gradient_grid.h"
#include "core/nn/flat_parameters.h"

namespace tessera {

/// How the gradients of a step's quanta are summed.
enum class Reduction {
  single,   ///< one quantum a step: nothing to sum
  exact,    ///< int64 on the grid: any order, any number of ranks, the same bits
  fastest,  ///< plain f32
};

/// One rank's part of a step's gradient sum, as flat buffers in the layout of the parameters.
class GradientSum {
 public:
  /// `terms`: of the sum over all ranks, each rank's own gradient is one (exact: a rank has no more than one quantum a step). Then nothing is summed here.
  /// `left_out`: slots that are no part of the gradient norm (empty: none).
  GradientSum(const nn::FlatParameters& parameters, Reduction reduction, bool terms, std::vector<bool> left_out);

  Reduction reduction() const { return reduction_; }
  bool terms() const { return terms_; }

  void begin_pass();
  /// Adds the gradient that the flat gradient buffer holds for `tensor`; `first`: it is this rank's first quantum of the step. With `terms` it only looks for the
  /// largest magnitude, as sum_terms() does: one of them is enough.
  void add(size_t tensor, bool first, const GradientGrid& grid);

  /// Where the flat buffers may be cut into ranges that are summed apart: the last such place up to `at`.
  int64_t cut_before(int64_t at) const;
  /// Writes [begin, end) of the flat gradient buffer: the f32 values of integer sums, which stand at `begin`. Ranges between two cuts are written in order, for the
  /// sake of squares(). exact only.
  void convert(int64_t begin, int64_t end, const int64_t* integer_sums, const GradientGrid& grid);
  /// The same of the ranks' f32 gradients, each of which stands at `begin`: rounds them to the grid and sums. One may be what is written. `terms` only.
  void sum_terms(int64_t begin, int64_t end, std::span<const float* const> gradients, const GradientGrid& grid);

  /// int64, exact without `terms` only.
  const Tensor& integer_sums() const { return integer_sums_; }
  /// f32, fastest only.
  const Tensor& float_sums() const { return float_sums_; }
  /// Bits of the largest |gradient| of each tensor among those that this pass has seen here: this rank's quanta, or what sum_terms() got. exact only.
  const std::shared_ptr<std::vector<uint32_t>>& largest_bits() const { return largest_bits_; }
  /// Of what convert() or sum_terms() has written in this pass: its part of squared_gradient_norm(), found while it is in cache. exact only.
  const std::shared_ptr<ExactScalar>& squares() const { return squares_; }
  /// squared_gradient_norm() of the flat gradient buffer; exact: squares(), after they were summed over the owners.
  double squared_norm() const;

 private:
  void saw(size_t tensor, uint32_t bits);
  void add_squares(size_t tensor, int64_t first, int64_t last);
  std::vector<nn::FlatSlot>::const_iterator slot_at(int64_t at) const;
  template <typename Body>
  void for_each_range(int64_t begin, int64_t end, Body body) const;

  const nn::FlatParameters& parameters_;
  Reduction reduction_;
  bool terms_;
  std::vector<bool> left_out_;
  Tensor integer_sums_, float_sums_;
  std::shared_ptr<std::vector<uint32_t>> largest_bits_;  // these two anew for every pass: what travels outlives it
  std::shared_ptr<ExactScalar> squares_;
};

}  // namespace tessera
