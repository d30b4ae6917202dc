// SPDX-License-Identifier: Apache-2.0
// Which elements of the flat buffers are updated, and with which settings.
#pragma once

#include <span>
#include <vector>

#include "core/config/recipe.h"
#include "core/kernels/optimizer.h"
#include "core/nn/flat_parameters.h"

namespace tessera::optim {

/// The keys of the `optimizer` block that set parameters apart by name.
struct GroupRules {
  std::vector<config::ParameterGroup> groups{};
  bool no_decay_on_norms_and_biases = false;
};

/// How a plan cuts the flat buffers.
enum class Grain {
  merged,  ///< into as few ranges as possible, padding included: neighbours with equal settings are one
  tensor,  ///< a range for every tensor that is trained, in the order of the slots, without padding
};

class UpdatePlan {
 public:
  /// `weight_decay` is the optimizer's own, for parameters whose group gives none. Patterns are those of fnmatch(3) over full parameter names; of
  /// several that match a parameter the first counts. Throws Error(usage) that names a pattern which matches nothing, or
  /// one that is to fix statistics and matches none.
  UpdatePlan(const nn::FlatParameters& parameters, const GroupRules& rules, double weight_decay, Grain grain = Grain::merged);

  /// Whether an element's update depends on no other element (Grain::merged): then parts of a tensor may be updated apart.
  bool is_elementwise() const { return grain_ == Grain::merged; }
  /// Leaves out what lies in none of `ranges`, for good; they ascend. is_elementwise() only.
  void restrict_to(std::span<const nn::FlatRange> ranges);

  /// The ranges at a rate; valid until the next call.
  std::span<UpdateRange> at(double learning_rate);
  /// Whether slot i is never updated by the optimizer: frozen parameters and all statistics.
  const std::vector<bool>& frozen() const { return frozen_; }
  /// Whether slot i never changes at all: frozen parameters and the statistics of groups with fixed_statistics.
  const std::vector<bool>& fixed() const { return fixed_; }
  /// For Grain::tensor: the slot of range i.
  size_t slot_of(size_t range) const { return pieces_[range].slot; }

 private:
  struct Piece {
    size_t slot;  ///< the first
    int64_t begin, end;
    double learning_rate_factor, weight_decay;
  };
  void append(const Piece& piece);

  Grain grain_;
  std::vector<bool> frozen_, fixed_;
  std::vector<Piece> pieces_;
  std::vector<UpdateRange> ranges_;
};

}  // namespace tessera::optim
