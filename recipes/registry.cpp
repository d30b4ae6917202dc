// SPDX-License-Identifier: Apache-2.0
#include "recipes/registry.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/data/cifar10.h"
#include "core/data/idx.h"
#include "core/data/image_folder.h"
#include "core/data/masked_text.h"
#include "core/data/tensors.h"
#include "core/data/text_table.h"
#include "core/data/token_windows.h"
#include "core/data/webdataset.h"
#include "core/optim/optimizer.h"
#include "core/optim/schedule.h"
#include "core/task/classification.h"
#include "core/task/language_modelling.h"
#include "core/task/masked_language_modelling.h"
#include "core/task/regression.h"
#include "recipes/language/bert/bert.h"
#include "recipes/language/gpt2/gpt2.h"
#include "recipes/language/llama/llama.h"
#include "recipes/model_table.h"
#include "recipes/vision/alexnet/alexnet.h"
#include "recipes/vision/cifar_resnet/cifar_resnet.h"
#include "recipes/vision/densenet/densenet.h"
#include "recipes/vision/googlenet/googlenet.h"
#include "recipes/vision/hrnet/hrnet.h"
#include "recipes/vision/lenet5/lenet5.h"
#include "recipes/vision/mlp/mlp.h"
#include "recipes/vision/mobilenet/mobilenet_v1.h"
#include "recipes/vision/mobilenet/mobilenet_v2.h"
#include "recipes/vision/resnet/resnet.h"
#include "recipes/vision/squeezenet/squeezenet.h"
#include "recipes/vision/vgg/vgg.h"
#include "recipes/vision/xception/xception.h"

namespace tessera::recipes {
namespace {

ModelTable model_table() {
  ModelTable table;
  register_alexnet(table);
  register_bert(table);
  register_cifar_resnet(table);
  register_densenet(table);
  register_googlenet(table);
  register_gpt2(table);
  register_hrnet(table);
  register_lenet5(table);
  register_llama(table);
  register_mlp(table);
  register_mobilenet_v1(table);
  register_mobilenet_v2(table);
  register_resnet(table);
  register_squeezenet(table);
  register_vgg(table);
  register_xception(table);
  return table;
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

/// Classes for tasks of classes, numbers for numbers.
void check_targets(const config::Recipe& recipe, const data::Dataset& dataset) {
  const bool numbers = recipe.task.kind == "regression";
  if (!numbers && recipe.task.kind != "classification") return;
  if (numbers != dataset.classes().has_value()) return;
  throw Error(ErrorKind::usage, fmt::format("task {} takes data with {}, but the targets are {}", recipe.task.kind, numbers ? "scores" : "classes", numbers ? "classes" : "scores"),
              recipe.task.node.origin().text(), fmt::format("take task {}, or other data", numbers ? "classification" : "regression"));
}

}  // namespace

config::KindRegistry make_registry() {
  config::KindRegistry registry;
  model_table().declare(registry);
  registry.add<ClassificationConfig>("task", "classification", "one class a sample: softmax cross-entropy, accuracy");
  registry.add<LanguageModellingConfig>("task", "language_modelling", "the next token from those before it: cross-entropy, perplexity");
  registry.add<MaskedLanguageModellingConfig>("task", "masked_language_modelling", "hidden tokens from all around them, and next sentences: cross-entropies, perplexity");
  registry.add<RegressionConfig>("task", "regression", "numbers: squared error, Pearson's and Spearman's correlation");
  registry.add<data::Cifar10Config>("data", "cifar10", "CIFAR-10, binary version");
  registry.add<data::IdxConfig>("data", "idx", "MNIST's file format, plain or .gz");
  registry.add<data::ImageFolderConfig>("data", "image_folder", "image files in a folder a class, or named by lists; shares with webdataset how they become inputs");
  registry.add<data::MaskedTextConfig>("data", "masked_text", "texts or pairs of texts with hidden tokens, from token shards");
  registry.add<data::TensorsConfig>("data", "tensors", "`inputs` and `targets` of safetensors files");
  registry.add<data::TextConfig>("data", "text", "windows of a text file's tokens");
  registry.add<data::TextTableConfig>("data", "text_table", "texts or pairs of them with a class or score each, a row of a table each: GLUE's tasks");
  registry.add<data::TokensConfig>("data", "tokens", "windows of token shards (tessera tokenize)");
  registry.add<data::WebdatasetConfig>("data", "webdataset", "image files and their classes in tar shards; shares with image_folder how they become inputs");
  registry.share("data", {"image_folder", "webdataset"}, config::names_of<data::ImageTransformConfig>());  // how a file becomes inputs
  optim::register_optimizers(registry);
  optim::register_schedules(registry);
  return registry;
}

std::unique_ptr<Task> make_task(const config::Recipe& recipe) {
  if (recipe.task.kind == "language_modelling") return std::make_unique<LanguageModelling>(model_table().make(recipe.model));
  if (recipe.task.kind == "masked_language_modelling") {
    return std::make_unique<MaskedLanguageModelling>(model_table().make(recipe.model), config::read_kind<MaskedLanguageModellingConfig>(recipe.task));
  }
  if (recipe.task.kind == "regression") return std::make_unique<Regression>(model_table().make(recipe.model));
  TESSERA_ASSERT(recipe.task.kind == "classification", "task kind '" + recipe.task.kind + "' is registered but not made");
  const auto settings = config::read_kind<ClassificationConfig>(recipe.task);
  check_class_weights(recipe, settings);
  check_mixing(recipe, settings);
  return std::make_unique<Classification>(model_table().make(recipe.model), settings);
}

bool prepare_dataset(const config::DataBlock& block, std::string_view split, const data::PrepareObserver& observer) {
  return block.kind != "webdataset" || data::index_webdataset(config::read_kind<data::WebdatasetConfig>(block), split, observer);
}

std::shared_ptr<const data::Dataset> open_dataset(const config::DataBlock& block, std::string_view split, const data::ReadingProgress& progress) {
  if (block.kind == "cifar10") return data::open_cifar10(config::read_kind<data::Cifar10Config>(block), split);
  if (block.kind == "idx") return data::open_idx(config::read_kind<data::IdxConfig>(block), split);
  if (block.kind == "image_folder") return data::open_image_folder(config::read_kind<data::ImageFolderConfig>(block), split);
  if (block.kind == "masked_text") return data::open_masked_text(config::read_kind<data::MaskedTextConfig>(block), split);
  if (block.kind == "tensors") return data::open_tensors(config::read_kind<data::TensorsConfig>(block), split);
  if (block.kind == "text") return data::open_text(config::read_kind<data::TextConfig>(block), split);
  if (block.kind == "text_table") {
    return data::open_text_table(config::read_kind<data::TextTableConfig>(block), split, block.on_error == "skip" ? data::OnError::skip : data::OnError::stop, progress);
  }
  if (block.kind == "tokens") return data::open_tokens(config::read_kind<data::TokensConfig>(block), split);
  if (block.kind == "webdataset") return data::open_webdataset(config::read_kind<data::WebdatasetConfig>(block), split);
  TESSERA_ASSERT(false, "data kind '" + block.kind + "' is registered but not made");
}

std::shared_ptr<const text::Tokenizer> make_tokenizer(const config::DataBlock& block) {
  if (block.kind == "text") return data::tokenizer_of(config::read_kind<data::TextConfig>(block));
  if (block.kind == "tokens") return data::tokenizer_of(config::read_kind<data::TokensConfig>(block));
  if (block.kind == "text_table") return text::open_tokenizer(config::read_kind<data::TextTableConfig>(block).tokenizer);
  throw Error(ErrorKind::usage, "data of kind " + block.kind + " is no text", block.node.origin().text(), "take data of kind tokens or text");
}

void check_data_fits(const config::Recipe& recipe, const data::Dataset& dataset) {
  check_targets(recipe, dataset);
  model_table().check(recipe.model, dataset);
}

}  // namespace tessera::recipes
