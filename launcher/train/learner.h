// SPDX-License-Identifier: Apache-2.0
// The state of a training run and how one step changes it.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "core/autograd/engine.h"
#include "core/checkpoint/state.h"
#include "core/config/recipe.h"
#include "core/data/dataset.h"
#include "core/nn/flat_parameters.h"
#include "core/optim/average.h"
#include "core/optim/optimizer.h"
#include "core/optim/schedule.h"
#include "core/task/task.h"
#include "distributed/runtime.h"
#include "distributed/sync/gradient_sync.h"

namespace tessera::launcher {

/// Numbers that ranks add up at the end of every step, so that all of them decide alike.
struct Votes {
  int64_t stop = 0;  ///< asked to stop (a signal, the time limit)
  int64_t save = 0;  ///< a checkpoint is due by the clock
};

struct StepReport {
  Metrics metrics;  ///< of all ranks
  double weight = 0.0;
  double learning_rate = 0.0;
  double gradient_norm = 0.0;
  int64_t skipped_samples = 0;  ///< of all ranks
  int passes = 1;  ///< more than 1: the step was replayed
  Votes votes;     ///< of all ranks
  distributed::OverlapTimes overlap;
};

/// Gives the batches of this rank's quanta of a step, in order: anew for every pass.
using QuantumSource = std::function<data::Batch(int64_t pass, size_t index, int64_t quantum)>;

class Learner {
 public:
  Learner(const config::Recipe& recipe, std::unique_ptr<Task> task, int64_t total_steps, distributed::Runtime& runtime);

  /// Step `step` over the given quanta of this rank (ascending). Commits at once or throws and leaves the state as it was. Throws AgreedError where
  /// any rank failed, or where numbers are not finite.
  StepReport step(int64_t step, const std::vector<int64_t>& quanta, const QuantumSource& source, const Votes& votes);

  Task& task() { return *task_; }
  const nn::FlatParameters& parameters() const { return parameters_; }
  /// Makes whole on all ranks what each updates a part of: optimizer state, moving average, the last gradients. By all ranks at once, before state(),
  /// with_average() and whatever looks at gradients.
  void make_whole();
  /// Everything that a checkpoint holds; views, so reading into them restores the run (then call restored()).
  std::vector<checkpoint::StateEntry> state() const;
  /// Parameters only.
  std::vector<checkpoint::StateEntry> weights() const;
  void restored() { parameters_.values_changed(); }
  /// Whether the recipe asks for a moving average of the weights.
  bool has_average() const { return average_.has_value(); }
  /// Runs `action` with the moving average in place of the parameters, which are put back bit by bit, also after an exception.
  void with_average(const std::function<void()>& action);

 private:
  struct Pass {
    Metrics metrics;
    ExactScalar weight;
    int64_t skipped_samples = 0;
    std::optional<Error> error;
  };

  Pass run_pass(int64_t step, int64_t pass, const std::vector<int64_t>& quanta, const QuantumSource& source, bool reduce);
  QuantumLoss forward(const data::Batch& batch, nn::ForwardContext& context, Metrics& metrics);
  void run_quantum(int64_t step, int64_t quantum, const data::Batch& batch, Pass& pass);
  /// Waits for the gradients and sums the rest of the pass over ranks into `report`; throws AgreedError if any rank failed.
  void combine(const Pass& pass, const Votes& votes, StepReport& report);
  void commit(int64_t step, StepReport& report);
  void gather(const Tensor& flat, const char* what);
  /// Runs the step again with every intermediate checked, and throws an AgreedError that names what is not finite.
  [[noreturn]] void diagnose(int64_t step, const std::vector<int64_t>& quanta, const QuantumSource& source);
  void diagnose_quantum(int64_t step, int64_t quantum, const data::Batch& batch);

  distributed::Runtime& runtime_;
  std::unique_ptr<Task> task_;
  nn::FlatParameters parameters_;
  std::unique_ptr<optim::Optimizer> optimizer_;
  std::unique_ptr<optim::Schedule> schedule_;
  std::optional<optim::WeightAverage> average_;
  Reduction reduction_;
  distributed::GradientSync sync_;
  autograd::Engine engine_;
  int64_t quanta_;  // of all ranks in a step
  double learning_rate_;
  std::optional<double> clip_norm_;
  uint64_t seed_;
  nn::Precision precision_;
  bool recompute_blocks_;
  bool whole_ = true;  // see make_whole()
};

}  // namespace tessera::launcher
