// SPDX-License-Identifier: Apache-2.0
#include "recipes/vision/squeezenet/squeezenet.h"

#include <array>

#include "core/nn/sequential.h"
#include "core/nn/start.h"
#include "core/ops/activation.h"
#include "core/ops/movement.h"
#include "core/ops/pooling.h"

namespace tessera::recipes {
namespace {

using nn::ForwardContext;
using nn::Variable;

std::unique_ptr<nn::Conv2d> squeezenet_conv(int64_t in, int64_t out, int64_t kernel, int64_t stride = 1, int64_t padding = 0) {
  return std::make_unique<nn::Conv2d>(nn::Conv2dOptions{.in_channels = in, .out_channels = out, .kernel = kernel, .stride = stride, .padding = padding});
}

/// 1x1 convolutions squeeze the channels; 1x1 and 3x3 convolutions expand them to `half` channels each.
class Fire final : public nn::Module {
 public:
  Fire(int64_t in, int64_t squeezed, int64_t half)
      : squeeze_(add("squeeze", squeezenet_conv(in, squeezed, 1))),
        expand1x1_(add("expand1x1", squeezenet_conv(squeezed, half, 1))),
        expand3x3_(add("expand3x3", squeezenet_conv(squeezed, half, 3, 1, 1))) {}
  std::string kind() const override { return "Fire"; }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override {
    const Variable h = ops::relu(squeeze_(x, context));
    return ops::relu(ops::concatenate(std::array{expand1x1_(h, context), expand3x3_(h, context)}, 1));
  }

  nn::Conv2d& squeeze_;
  nn::Conv2d& expand1x1_;
  nn::Conv2d& expand3x3_;
};

Variable squeezenet_pool(const Variable& x) { return ops::max_pool2d(x, {.kernel = 3, .stride = 2, .ceil_mode = true}); }

class Squeezenet final : public nn::Module {
 public:
  explicit Squeezenet(const SqueezenetConfig& config)
      : features_(add("features", std::make_unique<nn::Sequential>())), dropout_(add("classifier.0", std::make_unique<nn::Dropout>(config.dropout))) {
    const bool early = config.version == "1.1";  // pools earlier, which makes it 2.4 times as fast
    features_.then(early ? squeezenet_conv(config.in_channels, 64, 3, 2) : squeezenet_conv(config.in_channels, 96, 7, 2)).then(ops::relu).then(squeezenet_pool);
    fire(early ? 64 : 96, 16, 64).fire(128, 16, 64);
    if (early) features_.then(squeezenet_pool);
    fire(128, 32, 128);
    if (!early) features_.then(squeezenet_pool);
    fire(256, 32, 128);
    if (early) features_.then(squeezenet_pool);
    fire(256, 48, 192).fire(384, 48, 192).fire(384, 64, 256);
    if (!early) features_.then(squeezenet_pool);
    fire(512, 64, 256);
    nn::start(*this, "Conv2d", "weight", nn::Initialiser::he_uniform_fan_in);
    classifier_ = &add("classifier.1", squeezenet_conv(512, config.classes, 1));
    nn::start(*classifier_, "Conv2d", "weight", [](const Shape&) { return nn::Initialiser::normal(0.01f); });
    nn::start(*this, "Conv2d", "bias", [](const Shape&) { return nn::Initialiser::constant(0.0f); });
  }

  std::string kind() const override { return "Squeezenet"; }

 private:
  Squeezenet& fire(int64_t in, int64_t squeezed, int64_t half) {
    features_.then(std::make_unique<Fire>(in, squeezed, half));
    return *this;
  }

  Variable forward(const Variable& x, ForwardContext& context) override {
    return ops::global_average_pool2d(ops::relu((*classifier_)(dropout_(features_(x, context), context), context)));
  }

  nn::Sequential& features_;
  nn::Dropout& dropout_;
  nn::Conv2d* classifier_ = nullptr;
};

}  // namespace

void SqueezenetConfig::declare(config::Fields& fields) {
  ImageModelConfig::declare(fields);
  fields.add("version", version, {.doc = "1.1 pools earlier than 1.0 and is as good at less than half of the work", .choices = {"1.0", "1.1"}});
  fields.add("dropout", dropout, {.doc = "share of the last feature maps that is dropped in training", .minimum = 0, .below = 1});
}

std::unique_ptr<nn::Module> make_squeezenet(const SqueezenetConfig& config) { return std::make_unique<Squeezenet>(config); }

void register_squeezenet(ModelTable& table) { add_image_model<SqueezenetConfig>(table, "squeezenet", "SqueezeNet 1.0 and 1.1 (Iandola 2016)", make_squeezenet); }

}  // namespace tessera::recipes
