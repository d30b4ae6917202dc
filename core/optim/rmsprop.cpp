// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/kernels.h"
#include "core/optim/optimizer.h"

namespace tessera::optim {
namespace {

class RmsProp final : public Optimizer {
 public:
  RmsProp(const RmsPropConfig& config, const nn::FlatParameters& parameters, const GroupRules& rules)
      : Optimizer({parameters, rules, config.weight_decay}), config_(config), second_(parameters.zeros_like(MemoryCategory::optimizer)) {
    if (config.momentum > 0.0) velocity_ = parameters.zeros_like(MemoryCategory::optimizer);
    if (config.centered) mean_ = parameters.zeros_like(MemoryCategory::optimizer);
  }

  void update(nn::FlatParameters& parameters, int64_t, double learning_rate, double gradient_scale) override {
    kernels_for(parameters.values().device())
        .optimizer.rmsprop({flat_update(parameters, learning_rate, gradient_scale), MovingShare::of(config_.alpha),
                            static_cast<float>(config_.epsilon), static_cast<float>(config_.momentum), second_.data<float>(),
                            velocity_.data<float>(), mean_.data<float>()});
    parameters.values_changed();
  }

  std::vector<StateBuffer> state() const override {
    std::vector<StateBuffer> buffers{{"second_moment", second_}};
    if (velocity_.defined()) buffers.push_back({"velocity", velocity_});
    if (mean_.defined()) buffers.push_back({"first_moment", mean_});
    return buffers;
  }

 private:
  RmsPropConfig config_;
  Tensor second_, velocity_, mean_;
};

}  // namespace

void RmsPropConfig::declare(config::Fields& fields) {
  fields.add("alpha", alpha, {.doc = "decay of the mean of squared gradients", .minimum = 0, .below = 1});
  fields.add("epsilon", epsilon, {.doc = "added to the root of the second moment", .above = 0});
  fields.add("momentum", momentum, {.doc = "share of the last velocity that is kept", .minimum = 0, .below = 1});
  fields.add("weight_decay", weight_decay, {.doc = "L2 penalty, added to the gradient", .minimum = 0});
  fields.add("centered", centered, {.doc = "divide by the root of the variance, not of the second moment (Graves 2013)"});
}

std::unique_ptr<Optimizer> make_rmsprop(const RmsPropConfig& config, const nn::FlatParameters& parameters, const GroupRules& rules) {
  return std::make_unique<RmsProp>(config, parameters, rules);
}

}  // namespace tessera::optim
