// SPDX-License-Identifier: Apache-2.0
#include "core/optim/optimizer.h"

#include "core/base/error.h"

namespace tessera::optim {

FlatUpdate Optimizer::flat_update(nn::FlatParameters& parameters, double learning_rate, double gradient_scale) {
  const std::span<UpdateRange> ranges = plan_.at(learning_rate);
  return {ranges.data(), static_cast<int64_t>(ranges.size()), static_cast<float>(gradient_scale), parameters.gradients().data<float>(),
          parameters.values().data<float>()};
}

void register_optimizers(config::KindRegistry& registry) {
  registry.add<SgdConfig>("optimizer", "sgd", "stochastic gradient descent with momentum");
  registry.add<AdamConfig>("optimizer", "adam", "Adam with weight decay in the gradient (Kingma and Ba 2015)");
  registry.add<AdamWConfig>("optimizer", "adamw", "Adam with decoupled weight decay (Loshchilov and Hutter 2019)");
  registry.add<RmsPropConfig>("optimizer", "rmsprop", "RMSProp, plain or centred, with momentum (Tieleman and Hinton 2012)");
  registry.add<LarsConfig>("optimizer", "lars", "momentum with a trust ratio a tensor, for large batches (You 2017)");
  registry.add<LambConfig>("optimizer", "lamb", "Adam with a trust ratio a tensor, for large batches (You 2020)");
}

std::unique_ptr<Optimizer> make_optimizer(const config::OptimizerBlock& block, const nn::FlatParameters& parameters) {
  const GroupRules rules{block.groups, block.no_decay_on_norms_and_biases};
  if (block.kind == "sgd") return make_sgd(config::read_kind<SgdConfig>(block), parameters, rules);
  if (block.kind == "adam") return make_adam(config::read_kind<AdamConfig>(block), parameters, rules);
  if (block.kind == "adamw") return make_adamw(config::read_kind<AdamWConfig>(block), parameters, rules);
  if (block.kind == "rmsprop") return make_rmsprop(config::read_kind<RmsPropConfig>(block), parameters, rules);
  if (block.kind == "lars") return make_lars(config::read_kind<LarsConfig>(block), parameters, rules);
  if (block.kind == "lamb") return make_lamb(config::read_kind<LambConfig>(block), parameters, rules);
  TESSERA_ASSERT(false, "optimizer kind '" + block.kind + "' is registered but not made");
}

int64_t state_buffers(const config::OptimizerBlock& block) {
  if (block.kind == "sgd") return config::read_kind<SgdConfig>(block).momentum > 0.0 ? 1 : 0;
  if (block.kind == "lars") return 1;
  if (block.kind != "rmsprop") return 2;
  const auto rmsprop = config::read_kind<RmsPropConfig>(block);
  return 1 + (rmsprop.momentum > 0.0 ? 1 : 0) + (rmsprop.centered ? 1 : 0);
}

}  // namespace tessera::optim
