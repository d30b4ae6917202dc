// SPDX-License-Identifier: Apache-2.0
#include "recipes/registry.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/data/cifar10.h"
#include "core/data/idx.h"
#include "core/data/image_folder.h"
#include "core/data/tensors.h"
#include "core/data/webdataset.h"
#include "core/optim/optimizer.h"
#include "core/optim/schedule.h"
#include "core/task/classification.h"
#include "recipes/vision/cifar_resnet/cifar_resnet.h"
#include "recipes/vision/lenet5/lenet5.h"
#include "recipes/vision/mlp/mlp.h"

namespace tessera::recipes {
namespace {

std::unique_ptr<nn::Module> make_model(const config::KindBlock& block) {
  if (block.kind == "cifar_resnet") return make_cifar_resnet(config::read_kind<CifarResnetConfig>(block));
  if (block.kind == "lenet5") return make_lenet5(config::read_kind<LeNet5Config>(block));
  if (block.kind == "mlp") return make_mlp(config::read_kind<MlpConfig>(block));
  TESSERA_ASSERT(false, "model kind '" + block.kind + "' is registered but not made");
}

[[noreturn]] void does_not_fit(const config::KindBlock& model, const std::string& key, int64_t value, const std::string& data, int64_t wanted) {
  const config::Node* node = model.node.find(key);
  const bool given = node && node->origin().source != "default";
  throw Error(ErrorKind::usage, fmt::format("model.{} is {}, but {}", key, value, data), (given ? *node : model.node).origin().text(),
              fmt::format("set model.{} to {}, or correct the data block", key, wanted));
}

void check_classes(const config::KindBlock& model, int64_t outputs, const data::Dataset& dataset) {
  const int64_t classes = dataset.classes().value_or(0);
  if (outputs < classes) does_not_fit(model, "classes", outputs, fmt::format("the data has {} classes", classes), classes);
}

void check_class_weights(const config::Recipe& recipe, const ClassificationConfig& settings) {
  const std::vector<double>& weights = settings.class_weights;
  if (weights.empty()) return;
  const config::Node* node = recipe.task.node.find("class_weights");
  const config::Node* classes = recipe.model.node.find("classes");
  if (classes && config::parse_int64(classes->text()) != static_cast<int64_t>(weights.size())) {
    throw Error(ErrorKind::usage,
                fmt::format("task.class_weights has {} numbers, but model.classes is {} ({})", weights.size(), classes->text(), classes->origin().text()),
                node->origin().text(), fmt::format("give {} numbers, or [] for equal weights", classes->text()));
  }
  if (std::all_of(weights.begin(), weights.end(), [](double weight) { return weight == 0.0; })) {
    throw Error(ErrorKind::usage, "task.class_weights are all 0, so that no sample counts", node->origin().text(), "give at least one class a weight above 0");
  }
}

void check_mixing(const config::Recipe& recipe, const ClassificationConfig& settings) {
  if (!settings.mixing.active() || recipe.batch.micro_samples > 1) return;
  const char* const key = settings.mixing.mixup > 0.0 ? "mixup" : "cutmix";
  throw Error(ErrorKind::usage, fmt::format("task.{} mixes samples of one quantum, but batch.micro_samples is 1", key), recipe.task.node.find(key)->origin().text(),
              fmt::format("set batch.micro_samples to 2 or more, or task.{} to 0", key));
}

void check_mlp(const config::KindBlock& model, const data::Dataset& dataset) {
  const auto settings = config::read_kind<MlpConfig>(model);
  const Shape& sample = dataset.fields().front().shape;
  if (settings.inputs != sample.elements()) {
    does_not_fit(model, "inputs", settings.inputs, fmt::format("a sample of the data has {} features {}", sample.elements(), sample.text()), sample.elements());
  }
  check_classes(model, settings.classes, dataset);
}

void check_lenet5(const config::KindBlock& model, const data::Dataset& dataset) {
  const auto settings = config::read_kind<LeNet5Config>(model);
  const Shape& sample = dataset.fields().front().shape;
  const std::string data = fmt::format("a sample of the data is {} (channels, height, width)", sample.text());
  if (sample.dims() != 3 || sample[1] != sample[2]) {
    throw Error(ErrorKind::usage, "LeNet-5 takes square images, but " + data, model.node.origin().text(), "take another model or other data");
  }
  if (settings.in_channels != sample[0]) does_not_fit(model, "in_channels", settings.in_channels, data, sample[0]);
  if (settings.image_size != sample[1]) does_not_fit(model, "image_size", settings.image_size, data, sample[1]);
  check_classes(model, settings.classes, dataset);
}

}  // namespace

config::KindRegistry make_registry() {
  config::KindRegistry registry;
  registry.add<CifarResnetConfig>("model", "cifar_resnet", "residual networks of 6n + 2 layers for small images (He 2015)");
  registry.add<LeNet5Config>("model", "lenet5", "LeNet-5 for small grey images (LeCun 1998)");
  registry.add<MlpConfig>("model", "mlp", "multi-layer perceptron");
  registry.add<ClassificationConfig>("task", "classification", "one class a sample: softmax cross-entropy, accuracy");
  registry.add<data::Cifar10Config>("data", "cifar10", "CIFAR-10, binary version");
  registry.add<data::IdxConfig>("data", "idx", "MNIST's file format, plain or .gz");
  registry.add<data::ImageFolderConfig>("data", "image_folder", "image files in a folder a class, or named by lists");
  registry.add<data::TensorsConfig>("data", "tensors", "`inputs` and `targets` of safetensors files");
  registry.add<data::WebdatasetConfig>("data", "webdataset", "image files and their classes in tar shards");
  optim::register_optimizers(registry);
  optim::register_schedules(registry);
  return registry;
}

std::unique_ptr<Task> make_task(const config::Recipe& recipe) {
  TESSERA_ASSERT(recipe.task.kind == "classification", "task kind '" + recipe.task.kind + "' is registered but not made");
  const auto settings = config::read_kind<ClassificationConfig>(recipe.task);
  check_class_weights(recipe, settings);
  check_mixing(recipe, settings);
  return std::make_unique<Classification>(make_model(recipe.model), settings);
}

void prepare_dataset(const config::DataBlock& block, std::string_view split, const data::PrepareObserver& observer) {
  if (block.kind == "webdataset") data::index_webdataset(config::read_kind<data::WebdatasetConfig>(block), split, observer);
}

std::shared_ptr<const data::Dataset> open_dataset(const config::DataBlock& block, std::string_view split) {
  if (block.kind == "cifar10") return data::open_cifar10(config::read_kind<data::Cifar10Config>(block), split);
  if (block.kind == "idx") return data::open_idx(config::read_kind<data::IdxConfig>(block), split);
  if (block.kind == "image_folder") return data::open_image_folder(config::read_kind<data::ImageFolderConfig>(block), split);
  if (block.kind == "tensors") return data::open_tensors(config::read_kind<data::TensorsConfig>(block), split);
  if (block.kind == "webdataset") return data::open_webdataset(config::read_kind<data::WebdatasetConfig>(block), split);
  TESSERA_ASSERT(false, "data kind '" + block.kind + "' is registered but not made");
}

void check_data_fits(const config::Recipe& recipe, const data::Dataset& dataset) {
  if (recipe.model.kind == "mlp") check_mlp(recipe.model, dataset);
  if (recipe.model.kind == "lenet5") check_lenet5(recipe.model, dataset);
}

}  // namespace tessera::recipes
