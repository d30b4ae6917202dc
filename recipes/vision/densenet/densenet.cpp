// SPDX-License-Identifier: Apache-2.0
#include "recipes/vision/densenet/densenet.h"

#include <array>
#include <vector>

#include "core/base/error.h"
#include "core/nn/sequential.h"
#include "core/nn/start.h"
#include "core/ops/movement.h"
#include "core/ops/pooling.h"

namespace tessera::recipes {
namespace {

using nn::ForwardContext;
using nn::Variable;

constexpr int64_t kDensenetGrowth = 32, kDensenetStart = 64, kDensenetBottleneck = 4;

/// Layers of each block.
std::array<int64_t, 4> densenet_blocks(int64_t depth) {
  switch (depth) {
    case 121: return {6, 12, 24, 16};
    case 169: return {6, 12, 32, 32};
    case 201: return {6, 12, 48, 32};
  }
  throw Error(ErrorKind::usage, "there is no DenseNet of " + std::to_string(depth) + " layers", "model.depth", "use 121, 169 or 201");
}

/// kDensenetGrowth new channels from all those before.
class DenseLayer final : public nn::Module {
 public:
  DenseLayer(int64_t in, double dropout)
      : norm1_(add("norm1", batch_norm(in))),
        conv1_(add("conv1", plain_conv(in, kDensenetBottleneck * kDensenetGrowth, 1))),
        norm2_(add("norm2", batch_norm(kDensenetBottleneck * kDensenetGrowth))),
        conv2_(add("conv2", plain_conv(kDensenetBottleneck * kDensenetGrowth, kDensenetGrowth, 3))),
        dropout_(add("dropout", std::make_unique<nn::Dropout>(dropout))) {}
  std::string kind() const override { return "DenseLayer"; }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override {
    const Variable h = conv1_(norm1_.with_relu(x, {}, context), context);
    return dropout_(conv2_(norm2_.with_relu(h, {}, context), context), context);
  }

  nn::BatchNorm& norm1_;
  nn::Conv2d& conv1_;
  nn::BatchNorm& norm2_;
  nn::Conv2d& conv2_;
  nn::Dropout& dropout_;
};

class DenseBlock final : public nn::Module {
 public:
  DenseBlock(int64_t layers, int64_t in, double dropout) {
    for (int64_t i = 0; i < layers; ++i) {
      layers_.push_back(&add("denselayer" + std::to_string(i + 1), std::make_unique<DenseLayer>(in + i * kDensenetGrowth, dropout)));
    }
  }
  std::string kind() const override { return "DenseBlock"; }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override {
    Variable all = x;
    for (DenseLayer* layer : layers_) all = ops::concatenate(std::array{all, (*layer)(all, context)}, 1);
    return all;
  }

  std::vector<DenseLayer*> layers_;
};

/// Half of the channels, half of the height and width.
class DenseTransition final : public nn::Module {
 public:
  explicit DenseTransition(int64_t in) : norm_(add("norm", batch_norm(in))), conv_(add("conv", plain_conv(in, in / 2, 1))) {}
  std::string kind() const override { return "DenseTransition"; }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override {
    return ops::average_pool2d(conv_(norm_.with_relu(x, {}, context), context), {});
  }

  nn::BatchNorm& norm_;
  nn::Conv2d& conv_;
};

class Densenet final : public nn::Module {
 public:
  explicit Densenet(const DensenetConfig& config)
      : conv0_(add("features.conv0", std::make_unique<nn::Conv2d>(nn::Conv2dOptions{.in_channels = config.in_channels,
                                                                                     .out_channels = kDensenetStart,
                                                                                     .kernel = 7,
                                                                                     .stride = 2,
                                                                                     .padding = 3,
                                                                                     .bias = false}))),
        norm0_(add("features.norm0", batch_norm(kDensenetStart))) {
    const std::array<int64_t, 4> layers = densenet_blocks(config.depth);
    int64_t channels = kDensenetStart;
    for (size_t i = 0; i < layers.size(); ++i) {
      const std::string number = std::to_string(i + 1);
      stages_.push_back(&add("features.denseblock" + number, std::make_unique<DenseBlock>(layers[i], channels, config.dropout)));
      channels += layers[i] * kDensenetGrowth;
      if (i + 1 == layers.size()) break;
      stages_.push_back(&add("features.transition" + number, std::make_unique<DenseTransition>(channels)));
      channels /= 2;
    }
    norm5_ = &add("features.norm5", batch_norm(channels));
    classifier_ = &add("classifier", std::make_unique<nn::Linear>(channels, config.classes));
    nn::start(*this, "Conv2d", "weight", nn::Initialiser::he_normal_fan_in);
    nn::start(*this, "Linear", "bias", [](const Shape&) { return nn::Initialiser::constant(0.0f); });
  }

  std::string kind() const override { return "Densenet"; }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override {
    Variable h = norm0_.with_relu(conv0_(x, context), {}, context);
    h = ops::max_pool2d(h, {.kernel = 3, .stride = 2, .padding = 1});
    for (nn::Module* stage : stages_) h = (*stage)(h, context);
    return (*classifier_)(ops::global_average_pool2d(norm5_->with_relu(h, {}, context)), context);
  }

  nn::Conv2d& conv0_;
  nn::BatchNorm& norm0_;
  std::vector<nn::Module*> stages_;
  nn::BatchNorm* norm5_ = nullptr;
  nn::Linear* classifier_ = nullptr;
};

}  // namespace

void DensenetConfig::declare(config::Fields& fields) {
  ImageModelConfig::declare(fields);
  fields.add("depth", depth, {.doc = "layers with weights: 121, 169 or 201", .minimum = 121, .maximum = 201});
  fields.add("dropout", dropout, {.doc = "share of every layer's new channels that is dropped in training", .minimum = 0, .below = 1});
}

std::unique_ptr<nn::Module> make_densenet(const DensenetConfig& config) { return std::make_unique<Densenet>(config); }

void register_densenet(ModelTable& table) { add_image_model<DensenetConfig>(table, "densenet", "DenseNet-BC of 121, 169 or 201 layers (Huang 2017)", make_densenet); }

}  // namespace tessera::recipes
