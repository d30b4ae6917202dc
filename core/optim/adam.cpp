// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "core/kernels/kernels.h"
#include "core/optim/optimizer.h"

namespace tessera::optim {
namespace {

class Adam final : public Optimizer {
 public:
  Adam(const AdamConfig& config, bool decoupled, const nn::FlatParameters& parameters, const GroupRules& rules)
      : Optimizer({parameters, rules, config.weight_decay}),
        config_(config),
        decoupled_(decoupled),
        first_(parameters.zeros_like(MemoryCategory::optimizer)),
        second_(parameters.zeros_like(MemoryCategory::optimizer)) {}

  void update(nn::FlatParameters& parameters, int64_t update, double learning_rate, double gradient_scale) override {
    const auto f32 = [](double value) { return static_cast<float>(value); };
    const auto count = static_cast<double>(update);
    kernels_for(parameters.values().device())
        .optimizer.adam({flat_update(parameters, learning_rate, gradient_scale), MovingShare::of(config_.beta1), MovingShare::of(config_.beta2), f32(config_.epsilon),
                         f32(1.0 - std::pow(config_.beta1, count)), f32(std::sqrt(1.0 - std::pow(config_.beta2, count))), decoupled_,
                         first_.data<float>(), second_.data<float>()});
    parameters.values_changed();
  }

  std::vector<StateBuffer> state() const override { return {{"first_moment", first_}, {"second_moment", second_}}; }

 private:
  AdamConfig config_;
  bool decoupled_;
  Tensor first_, second_;
};

void declare_moments(config::Fields& fields, double& beta1, double& beta2, double& epsilon) {
  fields.add("beta1", beta1, {.doc = "decay of the mean of gradients", .minimum = 0, .below = 1});
  fields.add("beta2", beta2, {.doc = "decay of the mean of squared gradients", .minimum = 0, .below = 1});
  fields.add("epsilon", epsilon, {.doc = "added to the root of the second moment", .above = 0});
}

}  // namespace

void AdamConfig::declare(config::Fields& fields) {
  declare_moments(fields, beta1, beta2, epsilon);
  fields.add("weight_decay", weight_decay, {.doc = "L2 penalty, added to the gradient", .minimum = 0});
}

void AdamWConfig::declare(config::Fields& fields) {
  declare_moments(fields, beta1, beta2, epsilon);
  fields.add("weight_decay", weight_decay, {.doc = "share of the weight that is taken off at rate 1", .minimum = 0});
}

std::unique_ptr<Optimizer> make_adam(const AdamConfig& config, const nn::FlatParameters& parameters, const GroupRules& rules) {
  return std::make_unique<Adam>(config, false, parameters, rules);
}

std::unique_ptr<Optimizer> make_adamw(const AdamWConfig& config, const nn::FlatParameters& parameters, const GroupRules& rules) {
  const AdamConfig same{config.beta1, config.beta2, config.epsilon, config.weight_decay};
  return std::make_unique<Adam>(same, true, parameters, rules);
}

}  // namespace tessera::optim
