// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/config/kinds.h"
#include "core/config/recipe.h"
#include "core/nn/flat_parameters.h"
#include "core/optim/update_plan.h"

namespace tessera::optim {

/// A flat buffer of optimizer state in the layout of the parameters, as checkpoints name it ("velocity").
struct StateBuffer {
  std::string name;
  Tensor flat;
};

/// Turns summed gradients into new parameters, in one fused pass over the flat buffers (LAMB: two).
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// `update` counts from 1. `gradient_scale` multiplies the summed gradient (one over the sum of weights, times clipping).
  virtual void update(nn::FlatParameters& parameters, int64_t update, double learning_rate, double gradient_scale) = 0;
  virtual std::vector<StateBuffer> state() const = 0;
  bool is_elementwise() const { return plan_.is_elementwise(); }
  /// From now on it updates only what lies in `ranges`, and moves only the state of that (UpdatePlan::restrict_to).
  void restrict_to(std::span<const nn::FlatRange> ranges) { plan_.restrict_to(ranges); }
  /// Whether slot i is never updated; its gradient is then no part of the gradient norm.
  const std::vector<bool>& frozen() const { return plan_.frozen(); }
  /// Whether slot i never changes at all (UpdatePlan::fixed).
  const std::vector<bool>& fixed() const { return plan_.fixed(); }

 protected:
  explicit Optimizer(UpdatePlan plan) : plan_(std::move(plan)) {}
  /// The arguments that all kernels share.
  FlatUpdate flat_update(nn::FlatParameters& parameters, double learning_rate, double gradient_scale);

  UpdatePlan plan_;
};

struct SgdConfig {
  double momentum = 0.0;
  double weight_decay = 0.0;
  bool nesterov = false;
  double dampening = 0.0;
  bool decoupled = false;
  void declare(config::Fields& fields);
};

struct AdamConfig {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.0;
  void declare(config::Fields& fields);
};

struct AdamWConfig {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.01;
  void declare(config::Fields& fields);
};

struct RmsPropConfig {
  double alpha = 0.99;
  double epsilon = 1e-8;
  double momentum = 0.0;
  double weight_decay = 0.0;
  bool centered = false;
  void declare(config::Fields& fields);
};

struct LarsConfig {
  double momentum = 0.9;
  double weight_decay = 0.0;
  double trust_coefficient = 0.001;
  bool adapt_norms_and_biases = true;
  void declare(config::Fields& fields);
};

struct LambConfig {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-6;
  double weight_decay = 0.01;
  bool adapt_norms_and_biases = true;
  void declare(config::Fields& fields);
};

/// All throw Error(usage) where keys do not go together or a pattern of `rules` matches nothing.
std::unique_ptr<Optimizer> make_sgd(const SgdConfig& config, const nn::FlatParameters& parameters, const GroupRules& rules = {});
std::unique_ptr<Optimizer> make_adam(const AdamConfig& config, const nn::FlatParameters& parameters, const GroupRules& rules = {});
std::unique_ptr<Optimizer> make_adamw(const AdamWConfig& config, const nn::FlatParameters& parameters, const GroupRules& rules = {});
std::unique_ptr<Optimizer> make_rmsprop(const RmsPropConfig& config, const nn::FlatParameters& parameters, const GroupRules& rules = {});
std::unique_ptr<Optimizer> make_lars(const LarsConfig& config, const nn::FlatParameters& parameters, const GroupRules& rules = {});
std::unique_ptr<Optimizer> make_lamb(const LambConfig& config, const nn::FlatParameters& parameters, const GroupRules& rules = {});

/// The kinds that `optimizer.kind` may name.
void register_optimizers(config::KindRegistry& registry);
std::unique_ptr<Optimizer> make_optimizer(const config::OptimizerBlock& block, const nn::FlatParameters& parameters);

/// How many numbers of state a parameter has.
int64_t state_buffers(const config::OptimizerBlock& block);

}  // namespace tessera::optim
