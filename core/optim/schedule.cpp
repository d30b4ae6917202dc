// SPDX-License-Identifier: Apache-2.0
#include "core/optim/schedule.h"

#include <cmath>
#include <numbers>
#include <string>

#include "core/base/error.h"

namespace tessera::optim {
namespace {

/// Linear from 1/warmup to 1; then whatever follows.
double warmup_factor(int64_t step, int64_t warmup_steps) {
  return step < warmup_steps ? static_cast<double>(step + 1) / static_cast<double>(warmup_steps) : 1.0;
}

class Constant final : public Schedule {
 public:
  explicit Constant(const ConstantConfig& config) : config_(config) {}
  double factor(int64_t step) const override { return warmup_factor(step, config_.warmup_steps); }

 private:
  ConstantConfig config_;
};

/// Half a cosine from 1 to final_factor over the steps after the warm-up (Loshchilov and Hutter, "SGDR", ICLR 2017).
class Cosine final : public Schedule {
 public:
  Cosine(const CosineConfig& config, int64_t total_steps) : config_(config), total_steps_(total_steps) {}

  double factor(int64_t step) const override {
    if (step < config_.warmup_steps) return warmup_factor(step, config_.warmup_steps);
    const auto span = static_cast<double>(total_steps_ - config_.warmup_steps);
    const double progress = span > 0.0 ? static_cast<double>(step - config_.warmup_steps) / span : 1.0;
    return config_.final_factor + (1.0 - config_.final_factor) * 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
  }

 private:
  CosineConfig config_;
  int64_t total_steps_;
};

void declare_warmup(config::Fields& fields, int64_t& warmup_steps) {
  fields.add("warmup_steps", warmup_steps, {.doc = "steps of linear rise to the full rate", .unit = "steps", .minimum = 0});
}

void check_warmup(int64_t warmup_steps, int64_t total_steps) {
  if (warmup_steps <= total_steps) return;
  throw Error(ErrorKind::usage,
              "schedule.warmup_steps is " + std::to_string(warmup_steps) + " but training has only " + std::to_string(total_steps) + " steps",
              "schedule.warmup_steps", "shorten the warm-up or train longer (train.epochs, train.steps)");
}

}  // namespace

void ConstantConfig::declare(config::Fields& fields) { declare_warmup(fields, warmup_steps); }

void CosineConfig::declare(config::Fields& fields) {
  declare_warmup(fields, warmup_steps);
  fields.add("final_factor", final_factor, {.doc = "share of the rate at the end", .minimum = 0, .maximum = 1});
}

void register_schedules(config::KindRegistry& registry) {
  registry.add<ConstantConfig>("schedule", "constant", "the same rate throughout, after the warm-up");
  registry.add<CosineConfig>("schedule", "cosine", "half a cosine down to final_factor, after the warm-up");
}

std::unique_ptr<Schedule> make_schedule(const config::KindBlock& block, int64_t total_steps) {
  if (block.kind == "constant") {
    const auto settings = config::read_kind<ConstantConfig>(block);
    check_warmup(settings.warmup_steps, total_steps);
    return std::make_unique<Constant>(settings);
  }
  TESSERA_ASSERT(block.kind == "cosine", "schedule kind '" + block.kind + "' is registered but not made");
  const auto settings = config::read_kind<CosineConfig>(block);
  check_warmup(settings.warmup_steps, total_steps);
  return std::make_unique<Cosine>(settings, total_steps);
}

}  // namespace tessera::optim
