// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "core/exact/gradient_norm.h"
#include "core/kernels/kernels.h"
#include "core/optim/optimizer.h"

namespace tessera::optim {
namespace {

class Lars final : public Optimizer {
 public:
  Lars(const LarsConfig& config, const nn::FlatParameters& parameters, const GroupRules& rules)
      : Optimizer({parameters, rules, config.weight_decay, Grain::tensor}),
        config_(config),
        velocity_(parameters.zeros_like(MemoryCategory::optimizer)) {}

  void update(nn::FlatParameters& parameters, int64_t, double learning_rate, double gradient_scale) override {
    const std::span<UpdateRange> ranges = plan_.at(learning_rate);
    for (size_t i = 0; i < ranges.size(); ++i) {
      const nn::FlatSlot& slot = parameters.slots()[plan_.slot_of(i)];
      if (slot.shape.dims() <= 1 && !config_.adapt_norms_and_biases) continue;
      ranges[i].learning_rate = static_cast<float>(ranges[i].learning_rate * trust(parameters, slot, ranges[i].weight_decay, gradient_scale));
    }
    kernels_for(parameters.values().device())
        .optimizer.lars({{ranges.data(), static_cast<int64_t>(ranges.size()), static_cast<float>(gradient_scale),
                          parameters.gradients().data<float>(), parameters.values().data<float>()},
                         static_cast<float>(config_.momentum),
                         velocity_.data<float>()});
    parameters.values_changed();
  }

  std::vector<StateBuffer> state() const override { return {{"velocity", velocity_}}; }

 private:
  /// trust_coefficient |p| / (|g| + decay |p|); 1 where either norm is zero, so that a tensor of zeros can leave zero.
  double trust(const nn::FlatParameters& parameters, const nn::FlatSlot& slot, float weight_decay, double gradient_scale) const {
    const auto norm = [&](const Tensor& flat) {
      return std::sqrt(exact_squares(flat.device(), flat.data<float>() + slot.offset_elements, slot.elements).value());
    };
    const double weight = norm(parameters.values()), gradient = norm(parameters.gradients()) * gradient_scale;
    if (weight == 0.0 || gradient == 0.0) return 1.0;
    return config_.trust_coefficient * weight / (gradient + static_cast<double>(weight_decay) * weight);
  }

  LarsConfig config_;
  Tensor velocity_;
};

}  // namespace

void LarsConfig::declare(config::Fields& fields) {
  fields.add("momentum", momentum, {.doc = "share of the last velocity that is kept", .minimum = 0, .below = 1});
  fields.add("weight_decay", weight_decay, {.doc = "L2 penalty, added to the gradient", .minimum = 0});
  fields.add("trust_coefficient", trust_coefficient, {.doc = "size of an update relative to its tensor, at rate 1", .above = 0});
  fields.add("adapt_norms_and_biases", adapt_norms_and_biases, {.doc = "false: parameters of one dim have the trust ratio 1"});
}

std::unique_ptr<Optimizer> make_lars(const LarsConfig& config, const nn::FlatParameters& parameters, const GroupRules& rules) {
  return std::make_unique<Lars>(config, parameters, rules);
}

}  // namespace tessera::optim
