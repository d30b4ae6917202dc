// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/kernels.h"
#include "core/optim/optimizer.h"

namespace tessera::optim {
namespace {

class Sgd final : public Optimizer {
 public:
  Sgd(const SgdConfig& config, const nn::FlatParameters& parameters) : config_(config) {
    if (config.momentum > 0.0) velocity_ = parameters.zeros_like(MemoryCategory::optimizer);
  }

  void update(nn::FlatParameters& parameters, int64_t, double learning_rate, double gradient_scale) override {
    const auto f32 = [](double value) { return static_cast<float>(value); };
    kernels_for(parameters.values().device())
        .optimizer.sgd({parameters.trained_elements(), f32(learning_rate), f32(config_.momentum), f32(config_.weight_decay),
                        f32(gradient_scale), config_.nesterov, parameters.gradients().data<float>(), parameters.values().data<float>(),
                        velocity_.data<float>()});
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
  fields.add("weight_decay", weight_decay, {.doc = "L2 penalty, added to the gradient", .minimum = 0});
  fields.add("nesterov", nesterov, {.doc = "look ahead along the velocity (Nesterov 1983)"});
}

std::unique_ptr<Optimizer> make_sgd(const SgdConfig& config, const nn::FlatParameters& parameters) {
  return std::make_unique<Sgd>(config, parameters);
}

}  // namespace tessera::optim
