// SPDX-License-Identifier: Apache-2.0
#include "recipes/vision/vgg/vgg.h"

#include <array>

#include "core/base/error.h"
#include "core/nn/sequential.h"
#include "core/nn/start.h"
#include "core/ops/activation.h"
#include "core/ops/pooling.h"
#include "core/ops/shape.h"

namespace tessera::recipes {
namespace {

using nn::ForwardContext;
using nn::Variable;

constexpr std::array<int64_t, 5> kVggWidths = {64, 128, 256, 512, 512};  // of the stages

/// Convolutions of each stage.
std::array<int64_t, 5> vgg_stages(int64_t depth) {
  switch (depth) {
    case 11: return {1, 1, 2, 2, 2};
    case 13: return {2, 2, 2, 2, 2};
    case 16: return {2, 2, 3, 3, 3};
    case 19: return {2, 2, 4, 4, 4};
  }
  throw Error(ErrorKind::usage, "there is no VGG of " + std::to_string(depth) + " layers", "model.depth", "use 11, 13, 16 or 19");
}

class Vgg final : public nn::Module {
 public:
  explicit Vgg(const VggConfig& config)
      : features_(add("features", std::make_unique<nn::Sequential>())), classifier_(add("classifier", std::make_unique<nn::Sequential>())) {
    const std::array<int64_t, 5> stages = vgg_stages(config.depth);
    int64_t in = config.in_channels;
    for (size_t stage = 0; stage < stages.size(); ++stage) {
      for (int64_t i = 0; i < stages[stage]; ++i) {
        add_convolution(in, kVggWidths[stage], config.batch_norm);
        in = kVggWidths[stage];
      }
      features_.then([](const Variable& x) { return ops::max_pool2d(x, {}); });
    }
    classifier_.then(std::make_unique<nn::Linear>(512 * 7 * 7, 4096)).then(ops::relu).then(std::make_unique<nn::Dropout>(config.dropout));
    classifier_.then(std::make_unique<nn::Linear>(4096, 4096)).then(ops::relu).then(std::make_unique<nn::Dropout>(config.dropout));
    classifier_.then(std::make_unique<nn::Linear>(4096, config.classes));
    nn::start_convolutions_by_fan_out(*this);
    nn::start_linears_normal(*this, 0.01f);
  }

  std::string kind() const override { return "Vgg"; }

 private:
  void add_convolution(int64_t in, int64_t out, bool with_batch_norm) {
    features_.then(std::make_unique<nn::Conv2d>(nn::Conv2dOptions{.in_channels = in, .out_channels = out, .kernel = 3, .padding = 1}));
    if (with_batch_norm) {
      features_.then_batch_norm_relu(batch_norm(out));
    } else {
      features_.then(ops::relu);
    }
  }

  Variable forward(const Variable& x, ForwardContext& context) override {
    return classifier_(ops::flatten(ops::adaptive_average_pool2d(features_(x, context), 7)), context);
  }

  nn::Sequential& features_;
  nn::Sequential& classifier_;
};

}  // namespace

void VggConfig::declare(config::Fields& fields) {
  ImageModelConfig::declare(fields);
  fields.add("depth", depth, {.doc = "layers with weights: 11, 13, 16 or 19", .minimum = 11, .maximum = 19});
  fields.add("batch_norm", batch_norm, {.doc = "batch norm behind every convolution"});
  fields.add("dropout", dropout, {.doc = "share of both hidden linear layers that is dropped in training", .minimum = 0, .below = 1});
}

std::unique_ptr<nn::Module> make_vgg(const VggConfig& config) { return std::make_unique<Vgg>(config); }

void register_vgg(ModelTable& table) { add_image_model<VggConfig>(table, "vgg", "VGG of 11 to 19 layers, with or without batch norm (Simonyan 2015)", make_vgg); }

}  // namespace tessera::recipes
