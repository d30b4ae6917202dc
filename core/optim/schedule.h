// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/config/recipe.h"

namespace tessera::optim {

/// The learning rate as a share of `optimizer.learning_rate`, by step. With w = warmup_steps, step t < w has the factor (t + 1) / w (PyTorch: LinearLR with
/// start_factor 1 / w over w - 1 steps), and what the kind says begins at step w, unless said otherwise. T is the number of steps of training.
class Schedule {
 public:
  virtual ~Schedule() = default;
  /// `step` counts from 0 to total_steps - 1.
  virtual double factor(int64_t step) const = 0;
};

struct ConstantConfig {
  int64_t warmup_steps = 0;
  void declare(config::Fields& fields);
};

/// gamma^floor(t / every_steps), t counted from the start of training (PyTorch: StepLR); rises linearly to that in the warm-up.
struct StepConfig {
  int64_t warmup_steps = 0;
  int64_t every_steps = 0;
  double gamma = 0.1;
  void declare(config::Fields& fields);
};

/// gamma^(number of milestones <= t), t counted from the start of training (PyTorch: MultiStepLR); rises linearly to that in the warm-up.
struct MultiStepConfig {
  int64_t warmup_steps = 0;
  std::vector<int64_t> milestone_steps;
  std::vector<double> milestone_shares;  ///< of training, instead of steps
  double gamma = 0.1;
  void declare(config::Fields& fields);
};

/// final + (1 - final) (1 - (t - w) / (T - w))^power (PyTorch: PolynomialLR, where final is 0).
struct PolynomialConfig {
  int64_t warmup_steps = 0;
  double power = 1.0;
  double final_factor = 0.0;
  std::optional<int64_t> total_steps;
  void declare(config::Fields& fields);
};

/// gamma^(t - w) (PyTorch: ExponentialLR).
struct ExponentialConfig {
  int64_t warmup_steps = 0;
  double gamma = 0.0;
  void declare(config::Fields& fields);
};

/// final + (1 - final) (1 + cos(pi (t - w) / (T - w))) / 2 (Loshchilov and Hutter, "SGDR", ICLR 2017; PyTorch: CosineAnnealingLR).
struct CosineConfig {
  int64_t warmup_steps = 0;
  double final_factor = 0.0;
  std::optional<int64_t> total_steps;
  void declare(config::Fields& fields);
};

/// From 1 / div_factor up to 1 at step pct_start T - 1, and down to 1 / (div_factor final_div_factor) at step T - 1 (Smith and Topin, "Super-convergence", 2018;
/// PyTorch: OneCycleLR with cycle_momentum=False). With three_phase down to 1 / div_factor first, at step 2 pct_start T - 2. The rise is the warm-up.
struct OneCycleConfig {
  double pct_start = 0.3;
  double div_factor = 25.0;
  double final_div_factor = 1e4;
  std::string anneal = "cos";
  bool three_phase = false;
  std::optional<int64_t> total_steps;
  void declare(config::Fields& fields);
};

void register_schedules(config::KindRegistry& registry);
/// `length` is how the recipe says total_steps. Throws Error(usage), naming both keys, where the schedule is longer or shorter than training: a warm-up longer than
/// it, a first drop or a milestone not before its end, another total_steps, a cycle without room to rise.
std::unique_ptr<Schedule> make_schedule(const config::KindBlock& block, int64_t total_steps, const config::TrainConfig& length = {});

}  // namespace tessera::optim
