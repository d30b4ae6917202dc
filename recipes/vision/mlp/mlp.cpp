// SPDX-License-Identifier: Apache-2.0
#include "recipes/vision/mlp/mlp.h"

#include <fmt/format.h>

#include "core/nn/layers.h"
#include "core/ops/shape.h"
#include "recipes/fit.h"

namespace tessera::recipes {
namespace {

using nn::ForwardContext;
using nn::Variable;

class Mlp final : public nn::Module {
 public:
  explicit Mlp(const MlpConfig& config) : activation_(nn::activation_from(config.activation)) {
    int64_t in = config.inputs;
    for (size_t i = 0; i <= config.hidden.size(); ++i) {
      const bool last = i == config.hidden.size();
      const int64_t out = last ? config.classes : config.hidden[i];
      const std::string number = std::to_string(i);
      layers_.push_back(&add("layers." + number, std::make_unique<nn::Linear>(in, out)));
      if (!last) dropouts_.push_back(&add("dropouts." + number, std::make_unique<nn::Dropout>(config.dropout)));
      in = out;
    }
  }

  std::string kind() const override { return "Mlp"; }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override {
    Variable h = ops::flatten(x);
    for (size_t i = 0; i < dropouts_.size(); ++i) h = (*dropouts_[i])(nn::activate(activation_, (*layers_[i])(h, context)), context);
    return (*layers_.back())(h, context);
  }

  nn::Activation activation_;
  std::vector<nn::Linear*> layers_;
  std::vector<nn::Dropout*> dropouts_;
};

}  // namespace

void MlpConfig::declare(config::Fields& fields) {
  fields.add("inputs", inputs, {.doc = "features of a sample, after flattening", .minimum = 1});
  fields.add("hidden", hidden, {.doc = "widths of the hidden layers", .minimum = 1});
  fields.add("classes", classes, {.doc = "size of the output", .minimum = 2});
  fields.add("activation", activation, {.doc = "function between the layers", .choices = nn::activation_names()});
  fields.add("dropout", dropout, {.doc = "share of each hidden layer that is dropped in training", .minimum = 0, .below = 1});
}

std::unique_ptr<nn::Module> make_mlp(const MlpConfig& config) { return std::make_unique<Mlp>(config); }

void register_mlp(ModelTable& table) {
  table.add<MlpConfig>("mlp", "multi-layer perceptron", make_mlp, [](const MlpConfig& config, const config::KindBlock& model, const data::Dataset& dataset) {
    const Shape& sample = dataset.fields().front().shape;
    if (config.inputs != sample.elements()) {
      does_not_fit(model, "inputs", config.inputs, fmt::format("a sample of the data has {} features {}", sample.elements(), sample.text()), sample.elements());
    }
    check_classes(model, config.classes, dataset);
  });
}

}  // namespace tessera::recipes
