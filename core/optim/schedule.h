// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "core/config/kinds.h"

namespace tessera::optim {

/// The learning rate as a share of `optimizer.learning_rate`, by step.
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

struct CosineConfig {
  int64_t warmup_steps = 0;
  double final_factor = 0.0;
  void declare(config::Fields& fields);
};

void register_schedules(config::KindRegistry& registry);
/// Throws Error(usage) where the warm-up is longer than training.
std::unique_ptr<Schedule> make_schedule(const config::KindBlock& block, int64_t total_steps);

}  // namespace tessera::optim
