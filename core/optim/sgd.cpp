// SPDX-License-Identifier: Apache-2.0
#include "core/base/error.h"
#include "core/kernels/kernels.h"
#include "core/optim/optimizer.h"

namespace tessera::optim {
namespace {

class Sgd final : public Optimizer {
 public:
  Sgd(const SgdConfig& config, const nn::FlatParameters& parameters, const GroupRules& rules)
      : Optimizer({parameters, rules, config.weight_decay}), config_(config) {
    if (config.momentum > 0.0) velocity_ = parameters.zeros_like(MemoryCategory::optimizer);
  }

  void update(nn::FlatParameters& parameters, int64_t update, double learning_rate, double gradient_scale) override {
    const double share = update == 1 ? 1.0 : 1.0 - config_.dampening;
    kernels_for(parameters.values().device())
        .optimizer.sgd({flat_update(parameters, learning_rate, gradient_scale), static_cast<float>(config_.momentum), static_cast<float>(share),
                        config_.nesterov, config_.decoupled, velocity_.data<float>()});
    parameters.values_changed();
  }

  std::vector<StateBuffer> state() const override {
    if (!velocity_.defined()) return {};
    return {{"velocity", velocity_}};
  }

 private:
  SgdConfig config_;
  Tensor velocity_;
};

}  // namespace

void SgdConfig::declare(config::Fields& fields) {
  fields.add("momentum", momentum, {.doc = "share of the last velocity that is kept", .minimum = 0, .below = 1});
  fields.add("weight_decay", weight_decay, {.doc = "L2 penalty, added to the gradient, unless decoupled", .minimum = 0});
  fields.add("nesterov", nesterov, {.doc = "look ahead along the velocity (Nesterov 1983)"});
  fields.add("dampening", dampening, {.doc = "share of the gradient that is kept out of the velocity", .minimum = 0, .maximum = 1, .late = true});
  fields.add("decoupled", decoupled, {.doc = "weight decay shrinks the weight by rate * decay, beside the gradient", .late = true});
}

std::unique_ptr<Optimizer> make_sgd(const SgdConfig& config, const nn::FlatParameters& parameters, const GroupRules& rules) {
  if (config.dampening > 0.0 && config.nesterov) {
    throw Error(ErrorKind::usage, "optimizer.dampening and optimizer.nesterov exclude each other", "optimizer.dampening", "remove one of them");
  }
  if (config.dampening > 0.0 && config.momentum == 0.0) {
    throw Error(ErrorKind::usage, "optimizer.dampening means nothing without optimizer.momentum", "optimizer.dampening", "set a momentum, or remove it");
  }
  return std::make_unique<Sgd>(config, parameters, rules);
}

}  // namespace tessera::optim
