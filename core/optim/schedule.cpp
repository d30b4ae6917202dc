// SPDX-License-Identifier: Apache-2.0
#include "core/optim/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

#include "core/base/error.h"

namespace tessera::optim {
namespace {

/// A formula of the step.
class Formula final : public Schedule {
 public:
  explicit Formula(std::function<double(int64_t)> factor) : factor_(std::move(factor)) {}
  double factor(int64_t step) const override { return factor_(step); }

 private:
  std::function<double(int64_t)> factor_;
};

using Pointer = std::unique_ptr<Schedule>;

double share(int64_t part, int64_t whole) { return static_cast<double>(part) / static_cast<double>(whole); }

/// `curve(t)` is the factor of step t once the warm-up is over; the warm-up rises to curve(0).
template <typename Curve>
Pointer from_start(int64_t warmup_steps, Curve curve) {
  return std::make_unique<Formula>([=](int64_t step) { return step < warmup_steps ? share(step + 1, warmup_steps) * curve(step) : curve(step); });
}

/// `curve(t)` is the factor t steps after the warm-up; curve(0) is 1.
template <typename Curve>
Pointer after_warmup(int64_t warmup_steps, Curve curve) {
  return std::make_unique<Formula>(
      [=](int64_t step) { return step < warmup_steps ? share(step + 1, warmup_steps) : curve(step - warmup_steps); });
}

[[noreturn]] void refuse(const char* key, const std::string& what, int64_t total_steps, const char* fix) {
  const std::string path = std::string("schedule.") + key;
  throw Error(ErrorKind::usage, fmt::format("it {}, but training has {} steps", what, total_steps), path, fix);
}

void check_warmup(int64_t warmup_steps, int64_t total_steps) {
  if (warmup_steps <= total_steps) return;
  refuse("warmup_steps", fmt::format("is {}", warmup_steps), total_steps, "shorten the warm-up or train longer (train.epochs, train.steps)");
}

void check_length(const std::optional<int64_t>& own_steps, int64_t total_steps) {
  if (!own_steps || *own_steps == total_steps) return;
  refuse("total_steps", fmt::format("is {}", *own_steps), total_steps, "set it to null to follow training, or change train.steps or train.epochs");
}

Pointer make(const ConstantConfig& config, int64_t) {
  return after_warmup(config.warmup_steps, [](int64_t) { return 1.0; });
}

Pointer make(const StepConfig& config, int64_t total_steps) {
  if (config.every_steps >= total_steps) {
    refuse("every_steps", fmt::format("is {}", config.every_steps), total_steps, "lower it, train longer, or take schedule.kind: constant");
  }
  return from_start(config.warmup_steps, [config](int64_t t) { return std::pow(config.gamma, static_cast<double>(t / config.every_steps)); });
}

Pointer make(const MultiStepConfig& config, int64_t total_steps) {
  const auto& milestones = config.milestone_steps;
  if (milestones.empty() || std::ranges::adjacent_find(milestones, std::greater_equal<>()) != milestones.end()) {
    throw Error(ErrorKind::usage, fmt::format("the {} milestones do not ascend", milestones.size()), "schedule.milestone_steps",
                "give at least one, each greater than the one before");
  }
  if (milestones.back() >= total_steps) {
    refuse("milestone_steps", fmt::format("has milestone {}", milestones.back()), total_steps,
           "remove milestones beyond the end, or train longer (train.epochs, train.steps)");
  }
  return from_start(config.warmup_steps, [config](int64_t t) {
    const auto passed = std::ranges::upper_bound(config.milestone_steps, t) - config.milestone_steps.begin();
    return std::pow(config.gamma, static_cast<double>(passed));
  });
}

Pointer make(const PolynomialConfig& config, int64_t total_steps) {
  check_length(config.total_steps, total_steps);
  return after_warmup(config.warmup_steps, [config, span = total_steps - config.warmup_steps](int64_t t) {
    return config.final_factor + (1.0 - config.final_factor) * std::pow(1.0 - share(t, span), config.power);
  });
}

Pointer make(const ExponentialConfig& config, int64_t) {
  return after_warmup(config.warmup_steps, [gamma = config.gamma](int64_t t) { return std::pow(gamma, static_cast<double>(t)); });
}

Pointer make(const CosineConfig& config, int64_t total_steps) {
  check_length(config.total_steps, total_steps);
  return after_warmup(config.warmup_steps, [config, span = total_steps - config.warmup_steps](int64_t t) {
    return config.final_factor + (1.0 - config.final_factor) * 0.5 * (1.0 + std::cos(std::numbers::pi * share(t, span)));
  });
}

/// A phase of a cycle: from `from` at the end of the phase before to `to` at step `end` (not always a whole number).
struct Phase {
  double end, from, to;
};

std::vector<Phase> phases_of(const OneCycleConfig& config, int64_t total_steps) {
  const auto total = static_cast<double>(total_steps);
  const double initial = 1.0 / config.div_factor, final_factor = initial / config.final_div_factor, top = config.pct_start * total - 1.0;
  if (config.three_phase) return {{top, initial, 1.0}, {2.0 * config.pct_start * total - 2.0, 1.0, initial}, {total - 1.0, initial, final_factor}};
  return {{top, initial, 1.0}, {total - 1.0, 1.0, final_factor}};
}

Pointer make(const OneCycleConfig& config, int64_t total_steps) {
  check_length(config.total_steps, total_steps);
  if (config.three_phase && config.pct_start > 0.5) {
    throw Error(ErrorKind::usage, fmt::format("schedule.three_phase rises and falls in {} of training each", config.pct_start), "schedule.pct_start",
                "give at most 0.5");
  }
  const std::vector<Phase> phases = phases_of(config, total_steps);
  if (phases[0].end <= 0.0) {
    refuse("pct_start", fmt::format("is {}, no room to rise", config.pct_start), total_steps, "raise it, train longer, or take another kind");
  }
  return std::make_unique<Formula>([phases, linear = config.anneal == "linear"](int64_t step) {
    const auto t = static_cast<double>(step);
    double begin = 0.0;
    size_t phase = 0;
    while (phase + 1 < phases.size() && t > phases[phase].end) begin = phases[phase++].end;
    const auto [end, from, to] = phases[phase];
    const double progress = (t - begin) / (end - begin);
    return linear ? from + (to - from) * progress : to + (from - to) / 2.0 * (1.0 + std::cos(std::numbers::pi * progress));
  });
}

template <typename Config>
Pointer read_and_make(const config::KindBlock& block, int64_t total_steps) {
  const auto config = config::read_kind<Config>(block);
  if constexpr (requires { config.warmup_steps; }) check_warmup(config.warmup_steps, total_steps);
  return make(config, total_steps);
}

void declare_warmup(config::Fields& fields, int64_t& warmup_steps) {
  fields.add("warmup_steps", warmup_steps, {.doc = "steps of linear rise to the full rate", .unit = "steps", .minimum = 0});
}

void declare_final(config::Fields& fields, double& final_factor) {
  fields.add("final_factor", final_factor, {.doc = "share of the rate at the end", .minimum = 0, .maximum = 1});
}

void declare_length(config::Fields& fields, std::optional<int64_t>& total_steps) {
  fields.add("total_steps", total_steps,
             {.doc = "length of training the curve is meant for; another one is refused. null: whatever it is", .unit = "steps", .minimum = 1, .late = true});
}

}  // namespace

void ConstantConfig::declare(config::Fields& fields) { declare_warmup(fields, warmup_steps); }

void StepConfig::declare(config::Fields& fields) {
  declare_warmup(fields, warmup_steps);
  fields.add("every_steps", every_steps, {.doc = "steps between drops", .unit = "steps", .minimum = 1, .required = true});
  fields.add("gamma", gamma, {.doc = "factor of a drop", .above = 0});
}

void MultiStepConfig::declare(config::Fields& fields) {
  declare_warmup(fields, warmup_steps);
  fields.add("milestone_steps", milestone_steps, {.doc = "the steps of the drops, ascending", .unit = "steps", .minimum = 1, .required = true});
  fields.add("gamma", gamma, {.doc = "factor of a drop", .above = 0});
}

void PolynomialConfig::declare(config::Fields& fields) {
  declare_warmup(fields, warmup_steps);
  fields.add("power", power, {.doc = "of the remaining share of training", .above = 0});
  declare_final(fields, final_factor);
  declare_length(fields, total_steps);
}

void ExponentialConfig::declare(config::Fields& fields) {
  declare_warmup(fields, warmup_steps);
  fields.add("gamma", gamma, {.doc = "factor of every step after the warm-up", .above = 0, .required = true});
}

void CosineConfig::declare(config::Fields& fields) {
  declare_warmup(fields, warmup_steps);
  declare_final(fields, final_factor);
  declare_length(fields, total_steps);
}

void OneCycleConfig::declare(config::Fields& fields) {
  fields.add("pct_start", pct_start, {.doc = "share of training in which the rate rises", .above = 0, .below = 1});
  fields.add("div_factor", div_factor, {.doc = "the full rate over the first", .above = 0});
  fields.add("final_div_factor", final_div_factor, {.doc = "the first rate over the last", .above = 0});
  fields.add("anneal", anneal, {.doc = "shape of rise and fall", .choices = {"cos", "linear"}});
  fields.add("three_phase", three_phase, {.doc = "fall as long as it rose, then down to the last rate"});
  declare_length(fields, total_steps);
}

void register_schedules(config::KindRegistry& registry) {
  registry.add<ConstantConfig>("schedule", "constant", "the same rate throughout, after the warm-up");
  registry.add<StepConfig>("schedule", "step", "a drop every so many steps");
  registry.add<MultiStepConfig>("schedule", "multi_step", "drops at given steps");
  registry.add<PolynomialConfig>("schedule", "polynomial", "a power of the remaining share of training, after the warm-up");
  registry.add<ExponentialConfig>("schedule", "exponential", "a factor every step, after the warm-up");
  registry.add<CosineConfig>("schedule", "cosine", "half a cosine down to final_factor, after the warm-up");
  registry.add<OneCycleConfig>("schedule", "one_cycle", "up and far down again (Smith and Topin 2018)");
}

std::unique_ptr<Schedule> make_schedule(const config::KindBlock& block, int64_t total_steps) {
  if (block.kind == "constant") return read_and_make<ConstantConfig>(block, total_steps);
  if (block.kind == "step") return read_and_make<StepConfig>(block, total_steps);
  if (block.kind == "multi_step") return read_and_make<MultiStepConfig>(block, total_steps);
  if (block.kind == "polynomial") return read_and_make<PolynomialConfig>(block, total_steps);
  if (block.kind == "exponential") return read_and_make<ExponentialConfig>(block, total_steps);
  if (block.kind == "cosine") return read_and_make<CosineConfig>(block, total_steps);
  if (block.kind == "one_cycle") return read_and_make<OneCycleConfig>(block, total_steps);
  TESSERA_ASSERT(false, "schedule kind '" + block.kind + "' is registered but not made");
}

}  // namespace tessera::optim
