// SPDX-License-Identifier: Apache-2.0
// Data-parallel gradient synchronisation: sums the gradients of all quanta of a step over all ranks, bucket by bucket, while backward goes on.
#pragma once

#include <cstdint>
#include <vector>

#include "core/autograd/leaf.h"
#include "core/exact/gradient_grid.h"
#include "core/exact/gradient_sum.h"
#include "core/nn/flat_parameters.h"
#include "distributed/communicator.h"
#include "distributed/sync/buckets.h"

namespace tessera::distributed {

/// Which of this rank's quanta backward is running for.
struct MicroStep {
  int64_t index;  ///< 0.. among this rank's quanta of the step
  bool is_last;
};

/// How long communication took and how much of it nobody had to wait for.
struct OverlapTimes {
  double communicating_s = 0.0;  ///< from the first bucket's start to the end of the last
  double exposed_s = 0.0;        ///< the part that the training thread waited for
};

/// Who turns summed gradients into new parameters.
enum class Update {
  everywhere,  ///< every rank all of them: sums are gathered while backward goes on
  by_owners,   ///< every rank those whose gradients it has summed (ZeRO's first stage, Rajbhandari 2020): what becomes of them is gathered. exact only
};

class GradientSync final : public autograd::GradientHook {
 public:
  /// `quanta`: of all ranks in a step. `left_out`: slots that are no part of the gradient norm. Becomes the parameters' hook while it lives.
  GradientSync(Communicator& communicator, nn::FlatParameters& parameters, Reduction reduction, int64_t quanta, int64_t bucket_bytes, std::vector<bool> left_out,
               Update update = Update::everywhere);
  ~GradientSync() override;

  /// A pass over this rank's quanta. Without `reduce` only the largest magnitudes are found (the first pass of a run).
  void begin_pass(bool reduce);
  void begin_quantum(MicroStep micro_step);
  void gradient_ready(size_t tensor) override;
  /// For a rank that cannot finish its quanta: takes part in all remaining collectives, with whatever is there, so that nobody waits for it.
  void give_up_pass();
  /// Waits for all buckets. Afterwards the flat gradient buffer holds, in updated_here(), the sum over all quanta (exact: provided the grid's verdict on
  /// the step is `fits`).
  void finish_pass();
  /// What this rank is to update, ascending: everything, or all that it owns and that is not fixed.
  const std::vector<nn::FlatRange>& updated_here() const { return updated_here_; }
  /// Makes a flat f32 buffer whole on all ranks, each of which has updated its updated_here() of it. Waits for it; nothing to do where that is everything.
  void gather(const Tensor& flat, const char* caller);

  GradientGrid& grid() { return grid_; }
  const GradientGrid& grid() const { return grid_; }
  /// Submits what makes the two below, which owners and ranks have found in part, those of all. Once, after the pass's last quantum.
  std::vector<Work> combine_findings();
  /// Of each tensor's largest |gradient| over all quanta of the pass. exact only.
  std::span<const uint32_t> largest_bits() const { return *sum_.largest_bits(); }
  /// Of the summed gradients (gradient_norm.h).
  double squared_gradient_norm() const { return sum_.squared_norm(); }
  /// Of the last pass.
  const OverlapTimes& overlap() const { return overlap_; }

 private:
  struct Pieces;
  void launch_ready_buckets();
  void launch(const Bucket& bucket);
  void launch_exact(const Bucket& bucket);
  ReadyEvent launch_integers(const Bucket& bucket, const Pieces& pieces);
  ReadyEvent launch_terms(const Bucket& bucket, const Pieces& pieces);
  Work launch_fastest(const Bucket& bucket);
  Work gather_pieces(const Tensor& flat, const Bucket& bucket, const Pieces& pieces, const ReadyEvent& ready, const char* caller);

  Communicator& communicator_;
  nn::FlatParameters& parameters_;
  GradientSum sum_;
  Update update_;
  GradientGrid grid_;
  std::vector<Bucket> buckets_;
  std::vector<size_t> bucket_of_;  // by tensor
  std::vector<nn::FlatRange> updated_here_;

  bool reduce_ = true;
  MicroStep micro_step_{0, false};
  std::vector<int64_t> missing_;  // tensors, by bucket
  size_t next_bucket_ = 0;
  std::vector<ReadyEvent> pending_;  // the buckets, until finish_pass() need wait no more
  std::vector<ReadyEvent> summed_;  // the buckets, by their owners
  double started_s_ = 0.0;
  OverlapTimes overlap_;
};

}  // namespace tessera::distributed
