// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "core/kernels/kernels.h"
#include "core/optim/optimizer.h"

namespace tessera::optim {
namespace {

class AdamW final : public Optimizer {
 public:
  AdamW(const AdamWConfig& config, const nn::FlatParameters& parameters)
      : config_(config),
        first_(parameters.zeros_like(MemoryCategory::optimizer)),
        second_(parameters.zeros_like(MemoryCategory::optimizer)) {}

  void update(nn::FlatParameters& parameters, int64_t update, double learning_rate, double gradient_scale) override {
    const auto f32 = [](double value) { return static_cast<float>(value); };
    const auto count = static_cast<double>(update);
    kernels_for(parameters.values().device())
        .optimizer.adamw({parameters.trained_elements(), f32(learning_rate), f32(config_.beta1), f32(config_.beta2), f32(config_.epsilon),
                          f32(config_.weight_decay), f32(gradient_scale), f32(1.0 - std::pow(config_.beta1, count)),
                          f32(std::sqrt(1.0 - std::pow(config_.beta2, count))), parameters.gradients().data<float>(),
                          parameters.values().data<float>(), first_.data<float>(), second_.data<float>()});
    parameters.values_changed();
  }

  std::vector<StateBuffer> state() const override { return {{"first_moment", first_}, {"second_moment", second_}}; }

 private:
  AdamWConfig config_;
  Tensor first_, second_;
};

}  // namespace

void AdamWConfig::declare(config::Fields& fields) {
  fields.add("beta1", beta1, {.doc = "decay of the mean of gradients", .minimum = 0, .below = 1});
  fields.add("beta2", beta2, {.doc = "decay of the mean of squared gradients", .minimum = 0, .below = 1});
  fields.add("epsilon", epsilon, {.doc = "added to the root of the second moment", .above = 0});
  fields.add("weight_decay", weight_decay, {.doc = "share of the weight that is taken off at rate 1", .minimum = 0});
}

std::unique_ptr<Optimizer> make_adamw(const AdamWConfig& config, const nn::FlatParameters& parameters) {
  return std::make_unique<AdamW>(config, parameters);
}

}  // namespace tessera::optim
