// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "core/exact/exact_scalar.h"
#include "core/kernels/kernels.h"
#include "core/optim/optimizer.h"

namespace tessera::optim {
namespace {

int64_t blocks_of(const UpdateRange& range) { return (range.end - range.begin + kSquaresBlockElements - 1) / kSquaresBlockElements; }

double norm_of(std::span<const double> block_squares) {
  ExactScalar sum;
  for (const double squares : block_squares) sum.add(squares);
  return std::sqrt(sum.value());
}

class Lamb final : public Optimizer {
 public:
  Lamb(const LambConfig& config, const nn::FlatParameters& parameters, const GroupRules& rules)
      : Optimizer({parameters, rules, config.weight_decay, Grain::tensor}),
        config_(config),
        first_(parameters.zeros_like(MemoryCategory::optimizer)),
        second_(parameters.zeros_like(MemoryCategory::optimizer)) {
    int64_t blocks = 0;
    for (const UpdateRange& range : plan_.at(1.0)) blocks += blocks_of(range);
    parameter_squares_.resize(static_cast<size_t>(blocks));
    direction_squares_.resize(static_cast<size_t>(blocks));
  }

  void update(nn::FlatParameters& parameters, int64_t update, double learning_rate, double gradient_scale) override {
    const auto f32 = [](double value) { return static_cast<float>(value); };
    const auto count = static_cast<double>(update);
    const OptimizerKernels& kernels = kernels_for(parameters.values().device()).optimizer;
    const std::span<UpdateRange> ranges = plan_.at(learning_rate);
    const LambUpdate args{
        {ranges.data(), static_cast<int64_t>(ranges.size()), f32(gradient_scale), parameters.gradients().data<float>(),
         parameters.values().data<float>()},
        MovingShare::of(config_.beta1), MovingShare::of(config_.beta2), f32(config_.epsilon), f32(1.0 - std::pow(config_.beta1, count)),
        f32(std::sqrt(1.0 - std::pow(config_.beta2, count))), first_.data<float>(), second_.data<float>()};
    kernels.lamb_moments(args, {parameter_squares_.data(), direction_squares_.data()});
    apply_trust(parameters, ranges);
    kernels.lamb_step(args);
    parameters.values_changed();
  }

  std::vector<StateBuffer> state() const override { return {{"first_moment", first_}, {"second_moment", second_}}; }

 private:
  /// Multiplies the rate of each tensor by |p| / |direction|, or by 1 where either is zero.
  void apply_trust(const nn::FlatParameters& parameters, std::span<UpdateRange> ranges) const {
    size_t block = 0;
    for (size_t i = 0; i < ranges.size(); ++i) {
      const auto blocks = static_cast<size_t>(blocks_of(ranges[i]));
      const bool adapted = config_.adapt_norms_and_biases || parameters.slots()[plan_.slot_of(i)].shape.dims() > 1;
      const double weight = norm_of({parameter_squares_.data() + block, blocks}), direction = norm_of({direction_squares_.data() + block, blocks});
      if (adapted && weight > 0.0 && direction > 0.0) {
        ranges[i].learning_rate = static_cast<float>(ranges[i].learning_rate * (weight / direction));
      }
      block += blocks;
    }
  }

  LambConfig config_;
  Tensor first_, second_;
  std::vector<double> parameter_squares_, direction_squares_;  // a number a block of 4,096 elements, tensor after tensor
};

}  // namespace

void LambConfig::declare(config::Fields& fields) {
  fields.add("beta1", beta1, {.doc = "decay of the mean of gradients", .minimum = 0, .below = 1});
  fields.add("beta2", beta2, {.doc = "decay of the mean of squared gradients", .minimum = 0, .below = 1});
  fields.add("epsilon", epsilon, {.doc = "added to the root of the second moment", .above = 0});
  fields.add("weight_decay", weight_decay, {.doc = "share of the weight in the direction of the update", .minimum = 0});
  fields.add("adapt_norms_and_biases", adapt_norms_and_biases, {.doc = "false: parameters of one dim have the trust ratio 1"});
}

std::unique_ptr<Optimizer> make_lamb(const LambConfig& config, const nn::FlatParameters& parameters, const GroupRules& rules) {
  return std::make_unique<Lamb>(config, parameters, rules);
}

}  // namespace tessera::optim
