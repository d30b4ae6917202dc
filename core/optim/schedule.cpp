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

/// The training that a schedule is made for, and where the schedule was written.
struct Training {
  int64_t steps;
  const config::KindBlock& block;
  const config::TrainConfig& length;

  /// `is`: "is 100" or the like, of the key.
  [[noreturn]] void refuse(const char* key, const std::string& is, const std::string& fix) const {
    std::string training = fmt::format("training has {} steps", steps);
    if (length.steps) training = fmt::format("train.steps is {}", steps);
    if (length.epochs) training = fmt::format("train.epochs is {}, which makes {} steps", *length.epochs, steps);
    const config::Node* node = block.node.find(key);
    throw Error(ErrorKind::usage, fmt::format("schedule.{} {}, but {}", key, is, training), (node ? *node : block.node).origin().text(), fix);
  }
};

void check_warmup(int64_t warmup_steps, const Training& training) {
  if (warmup_steps <= training.steps) return;
  training.refuse("warmup_steps", fmt::format("is {}", warmup_steps), "shorten the warm-up or train longer");
}

void check_length(const std::optional<int64_t>& own_steps, const Training& training) {
  if (!own_steps || *own_steps == training.steps) return;
  training.refuse("total_steps", fmt::format("is {}", *own_steps), "set it to null to follow training, or train for as long");
}

Pointer make(const ConstantConfig& config, const Training&) {
  return after_warmup(config.warmup_steps, [](int64_t) { return 1.0; });
}

Pointer make(const StepConfig& config, const Training& training) {
  if (config.every_steps >= training.steps) {
    training.refuse("every_steps", fmt::format("is {}", config.every_steps), "lower it or train longer; for a short trial add --set schedule.kind=constant");
  }
  return from_start(config.warmup_steps, [config](int64_t t) { return std::pow(config.gamma, static_cast<double>(t / config.every_steps)); });
}

template <typename Number>
void require_ascending(const char* key, const std::vector<Number>& milestones, const Training& training) {
  if (std::ranges::adjacent_find(milestones, std::greater_equal<>()) == milestones.end()) return;
  throw Error(ErrorKind::usage, fmt::format("the {} milestones of schedule.{} do not ascend", milestones.size(), key),
              training.block.node.find(key)->origin().text(), "make each greater than the one before");
}

/// The steps of the drops.
std::vector<int64_t> milestones_of(const MultiStepConfig& config, const Training& training) {
  if (config.milestone_steps.empty() == config.milestone_shares.empty()) {
    throw Error(ErrorKind::usage, fmt::format("schedule.milestone_steps and schedule.milestone_shares are {} given", config.milestone_steps.empty() ? "not" : "both"),
                training.block.node.origin().text(), "give one of them, with at least one milestone");
  }
  require_ascending("milestone_steps", config.milestone_steps, training);
  require_ascending("milestone_shares", config.milestone_shares, training);
  if (!config.milestone_steps.empty() && config.milestone_steps.back() >= training.steps) {
    training.refuse("milestone_steps", fmt::format("has milestone {}", config.milestone_steps.back()),
                    "remove milestones beyond the end or train longer, or give schedule.milestone_shares, which follow the length of training");
  }
  std::vector<int64_t> milestones = config.milestone_steps;
  for (double part : config.milestone_shares) milestones.push_back(std::llround(part * static_cast<double>(training.steps)));
  return milestones;
}

Pointer make(const MultiStepConfig& config, const Training& training) {
  return from_start(config.warmup_steps, [milestones = milestones_of(config, training), gamma = config.gamma](int64_t t) {
    const auto passed = std::ranges::upper_bound(milestones, t) - milestones.begin();
    return std::pow(gamma, static_cast<double>(passed));
  });
}

Pointer make(const PolynomialConfig& config, const Training& training) {
  check_length(config.total_steps, training);
  return after_warmup(config.warmup_steps, [config, span = training.steps - config.warmup_steps](int64_t t) {
    return config.final_factor + (1.0 - config.final_factor) * std::pow(1.0 - share(t, span), config.power);
  });
}

Pointer make(const ExponentialConfig& config, const Training&) {
  return after_warmup(config.warmup_steps, [gamma = config.gamma](int64_t t) { return std::pow(gamma, static_cast<double>(t)); });
}

Pointer make(const CosineConfig& config, const Training& training) {
  check_length(config.total_steps, training);
  return after_warmup(config.warmup_steps, [config, span = training.steps - config.warmup_steps](int64_t t) {
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

Pointer make(const OneCycleConfig& config, const Training& training) {
  check_length(config.total_steps, training);
  if (config.three_phase && config.pct_start > 0.5) {
    throw Error(ErrorKind::usage, fmt::format("schedule.three_phase rises and falls in {} of training each", config.pct_start), "schedule.pct_start",
                "give at most 0.5");
  }
  const std::vector<Phase> phases = phases_of(config, training.steps);
  if (phases[0].end <= 0.0) {
    training.refuse("pct_start", fmt::format("is {}, no room to rise", config.pct_start), "raise it, train longer, or take another kind");
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
Pointer read_and_make(const Training& training) {
  const auto config = config::read_kind<Config>(training.block);
  if constexpr (requires { config.warmup_steps; }) check_warmup(config.warmup_steps, training);
  return make(config, training);
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
  fields.add("milestone_steps", milestone_steps, {.doc = "the steps of the drops, ascending; or give milestone_shares", .unit = "steps", .minimum = 1});
  fields.add("milestone_shares", milestone_shares,
             {.doc = "the drops as shares of training, ascending: they follow its length", .above = 0, .below = 1, .late = true});
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

std::unique_ptr<Schedule> make_schedule(const config::KindBlock& block, int64_t total_steps, const config::TrainConfig& length) {
  const Training training{total_steps, block, length};
  if (block.kind == "constant") return read_and_make<ConstantConfig>(training);
  if (block.kind == "step") return read_and_make<StepConfig>(training);
  if (block.kind == "multi_step") return read_and_make<MultiStepConfig>(training);
  if (block.kind == "polynomial") return read_and_make<PolynomialConfig>(training);
  if (block.kind == "exponential") return read_and_make<ExponentialConfig>(training);
  if (block.kind == "cosine") return read_and_make<CosineConfig>(training);
  if (block.kind == "one_cycle") return read_and_make<OneCycleConfig>(training);
  TESSERA_ASSERT(false, "schedule kind '" + block.kind + "' is registered but not made");
}

}  // namespace tessera::optim
