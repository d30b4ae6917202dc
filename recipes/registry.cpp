// SPDX-License-Identifier: Apache-2.0
#include "recipes/registry.h"

#include "core/base/error.h"
#include "core/data/cifar10.h"
#include "core/data/idx.h"
#include "core/data/tensors.h"
#include "core/optim/optimizer.h"
#include "core/optim/schedule.h"
#include "core/task/classification.h"
#include "recipes/vision/lenet5/lenet5.h"
#include "recipes/vision/mlp/mlp.h"

namespace tessera::recipes {
namespace {

/// For kinds without keys of their own.
struct NoKeys {
  void declare(config::Fields&) {}
};

std::unique_ptr<nn::Module> make_model(const config::KindBlock& block) {
  if (block.kind == "lenet5") return make_lenet5(config::read_kind<LeNet5Config>(block));
  if (block.kind == "mlp") return make_mlp(config::read_kind<MlpConfig>(block));
  TESSERA_ASSERT(false, "model kind '" + block.kind + "' is registered but not made");
}

}  // namespace

config::KindRegistry make_registry() {
  config::KindRegistry registry;
  registry.add<LeNet5Config>("model", "lenet5", "LeNet-5 for small grey images (LeCun 1998)");
  registry.add<MlpConfig>("model", "mlp", "multi-layer perceptron");
  registry.add<NoKeys>("task", "classification", "one class a sample: softmax cross-entropy, accuracy");
  registry.add<data::Cifar10Config>("data", "cifar10", "CIFAR-10, binary version");
  registry.add<data::IdxConfig>("data", "idx", "MNIST's file format, plain or .gz");
  registry.add<data::TensorsConfig>("data", "tensors", "`inputs` and `targets` of safetensors files");
  optim::register_optimizers(registry);
  optim::register_schedules(registry);
  return registry;
}

std::unique_ptr<Task> make_task(const config::Recipe& recipe) {
  TESSERA_ASSERT(recipe.task.kind == "classification", "task kind '" + recipe.task.kind + "' is registered but not made");
  return std::make_unique<Classification>(make_model(recipe.model));
}

std::shared_ptr<const data::Dataset> open_dataset(const config::DataBlock& block, std::string_view split) {
  if (block.kind == "cifar10") return data::open_cifar10(config::read_kind<data::Cifar10Config>(block), split);
  if (block.kind == "idx") return data::open_idx(config::read_kind<data::IdxConfig>(block), split);
  if (block.kind == "tensors") return data::open_tensors(config::read_kind<data::TensorsConfig>(block), split);
  TESSERA_ASSERT(false, "data kind '" + block.kind + "' is registered but not made");
}

}  // namespace tessera::recipes
