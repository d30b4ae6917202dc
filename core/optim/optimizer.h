// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/config/kinds.h"
#include "core/nn/flat_parameters.h"

namespace tessera::optim {

/// A flat buffer of optimizer state in the layout of the parameters, as checkpoints name it ("velocity").
struct StateBuffer {
  std::string name;
  Tensor flat;
};

/// Turns summed gradients into new parameters, in one fused pass over the flat buffers.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// `update` counts from 1. `gradient_scale` multiplies the summed gradient (one over the sum of weights, times clipping).
  virtual void update(nn::FlatParameters& parameters, int64_t update, double learning_rate, double gradient_scale) = 0;
  virtual std::vector<StateBuffer> state() const = 0;
};

struct SgdConfig {
  double momentum = 0.0;
  double weight_decay = 0.0;
  bool nesterov = false;
  void declare(config::Fields& fields);
};

struct AdamWConfig {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.01;
  void declare(config::Fields& fields);
};

std::unique_ptr<Optimizer> make_sgd(const SgdConfig& config, const nn::FlatParameters& parameters);
std::unique_ptr<Optimizer> make_adamw(const AdamWConfig& config, const nn::FlatParameters& parameters);

/// The kinds that `optimizer.kind` may name.
void register_optimizers(config::KindRegistry& registry);
std::unique_ptr<Optimizer> make_optimizer(const config::KindBlock& block, const nn::FlatParameters& parameters);

}  // namespace tessera::optim
