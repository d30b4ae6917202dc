// SPDX-License-Identifier: Apache-2.0
#include "recipes/vision/mobilenet/mobilenet_v2.h"

#include <algorithm>

#include "core/nn/sequential.h"
#include "core/nn/start.h"
#include "core/ops/pooling.h"

namespace tessera::recipes {
namespace {

using nn::ForwardContext;
using nn::Variable;

/// Blocks of the same width; the first has the stride.
struct MobilenetV2Stage {
  int64_t expansion, channels, blocks, stride;
};

constexpr MobilenetV2Stage kMobilenetV2Stages[] = {{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};

std::unique_ptr<nn::Sequential> conv_norm_relu6(int64_t in, int64_t out, int64_t kernel, int64_t stride = 1, int64_t groups = 1) {
  auto sequence = std::make_unique<nn::Sequential>();
  sequence->then(plain_conv(in, out, kernel, stride, groups)).then_batch_norm_relu(batch_norm(out), kRelu6Ceiling);
  return sequence;
}

/// Expands the channels, convolves within each, and projects back; without an activation behind, and with a shortcut where the shape stays.
class InvertedResidual final : public nn::Module {
 public:
  InvertedResidual(int64_t in, int64_t out, int64_t stride, int64_t expansion)
      : shortcut_(stride == 1 && in == out), conv_(add("conv", std::make_unique<nn::Sequential>())) {
    const int64_t hidden = in * expansion;
    if (expansion != 1) conv_.then(conv_norm_relu6(in, hidden, 1));
    conv_.then(conv_norm_relu6(hidden, hidden, 3, stride, hidden)).then(plain_conv(hidden, out, 1));
    norm_ = &add(expansion != 1 ? "conv.3" : "conv.2", batch_norm(out));
  }
  std::string kind() const override { return "InvertedResidual"; }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override {
    return norm_->with_residual(conv_(x, context), shortcut_ ? x : Variable(), context);
  }

  bool shortcut_;
  nn::Sequential& conv_;
  nn::BatchNorm* norm_ = nullptr;  // apart from the sequence, so that it adds the shortcut in its own pass
};

class MobilenetV2 final : public nn::Module {
 public:
  explicit MobilenetV2(const MobilenetV2Config& config)
      : features_(add("features", std::make_unique<nn::Sequential>())), dropout_(add("classifier.0", std::make_unique<nn::Dropout>(config.dropout))) {
    int64_t channels = scaled_channels(32, config.width);
    features_.then(conv_norm_relu6(config.in_channels, channels, 3, 2));
    for (const MobilenetV2Stage& stage : kMobilenetV2Stages) {
      const int64_t out = scaled_channels(stage.channels, config.width);
      for (int64_t i = 0; i < stage.blocks; ++i) {
        features_.then(std::make_unique<InvertedResidual>(channels, out, i == 0 ? stage.stride : 1, stage.expansion));
        channels = out;
      }
    }
    const int64_t last = scaled_channels(1280, std::max(1.0, config.width));
    features_.then(conv_norm_relu6(channels, last, 1));
    classifier_ = &add("classifier.1", std::make_unique<nn::Linear>(last, config.classes));
    nn::start_convolutions_by_fan_out(*this);
    nn::start_linears_normal(*this, 0.01f);
  }

  std::string kind() const override { return "MobilenetV2"; }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override {
    return (*classifier_)(dropout_(ops::global_average_pool2d(features_(x, context)), context), context);
  }

  nn::Sequential& features_;
  nn::Dropout& dropout_;
  nn::Linear* classifier_ = nullptr;
};

}  // namespace

void MobilenetV2Config::declare(config::Fields& fields) {
  ImageModelConfig::declare(fields);
  fields.add("width", width, {.doc = "multiplies the channels of every layer, to multiples of 8; above 1 also those of the last", .above = 0});
  fields.add("dropout", dropout, {.doc = "share of the last features that is dropped in training", .minimum = 0, .below = 1});
}

std::unique_ptr<nn::Module> make_mobilenet_v2(const MobilenetV2Config& config) { return std::make_unique<MobilenetV2>(config); }

void register_mobilenet_v2(ModelTable& table) {
  add_image_model<MobilenetV2Config>(table, "mobilenet_v2", "MobileNet v2: inverted residuals (Sandler 2018)", make_mobilenet_v2);
}

}  // namespace tessera::recipes
