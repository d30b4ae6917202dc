// SPDX-License-Identifier: Apache-2.0
#include "core/optim/optimizer.h"

#include "core/base/error.h"

namespace tessera::optim {

void register_optimizers(config::KindRegistry& registry) {
  registry.add<SgdConfig>("optimizer", "sgd", "stochastic gradient descent with momentum");
  registry.add<AdamWConfig>("optimizer", "adamw", "Adam with decoupled weight decay (Loshchilov and Hutter 2019)");
}

std::unique_ptr<Optimizer> make_optimizer(const config::KindBlock& block, const nn::FlatParameters& parameters) {
  if (block.kind == "sgd") return make_sgd(config::read_kind<SgdConfig>(block), parameters);
  if (block.kind == "adamw") return make_adamw(config::read_kind<AdamWConfig>(block), parameters);
  TESSERA_ASSERT(false, "optimizer kind '" + block.kind + "' is registered but not made");
}

}  // namespace tessera::optim
