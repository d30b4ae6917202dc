// SPDX-License-Identifier: Apache-2.0
#include "recipes/vision/mobilenet/mobilenet_v1.h"

#include <vector>

#include "core/nn/start.h"
#include "core/ops/pooling.h"

namespace tessera::recipes {
namespace {

using nn::ForwardContext;
using nn::Variable;

/// Blocks of the same width; the first has the stride.
struct MobilenetV1Stage {
  int64_t channels, stride, blocks;
};

constexpr MobilenetV1Stage kMobilenetV1Stages[] = {{64, 1, 1}, {128, 2, 2}, {256, 2, 2}, {512, 2, 6}, {1024, 2, 2}};

/// Convolutions and batch norms as the config wants them.
struct MobilenetV1Parts {
  const MobilenetV1Config& config;

  std::unique_ptr<nn::Conv2d> conv(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t groups = 1) const {
    return std::make_unique<nn::Conv2d>(nn::Conv2dOptions{.in_channels = in,
                                                          .out_channels = out,
                                                          .kernel = kernel,
                                                          .stride = stride,
                                                          .padding = kernel / 2,
                                                          .groups = groups,
                                                          .bias = false,
                                                          .same = config.padding == "same"});
  }
  std::unique_ptr<nn::BatchNorm> norm(int64_t channels) const { return std::make_unique<nn::BatchNorm>(channels, config.batch_norm_epsilon); }
};

/// A 3x3 convolution within channels, then a 1x1 convolution across them.
class SeparableBlock final : public nn::Module {
 public:
  SeparableBlock(const MobilenetV1Parts& parts, int64_t in, int64_t out, int64_t stride)
      : conv_dw_(add("conv_dw", parts.conv(in, in, 3, stride, in))),
        bn1_(add("bn1", parts.norm(in))),
        conv_pw_(add("conv_pw", parts.conv(in, out, 1, 1))),
        bn2_(add("bn2", parts.norm(out))) {}
  std::string kind() const override { return "SeparableBlock"; }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override {
    const Variable h = bn1_.with_relu(conv_dw_(x, context), {}, context, kRelu6Ceiling);
    return bn2_.with_relu(conv_pw_(h, context), {}, context, kRelu6Ceiling);
  }

  nn::Conv2d& conv_dw_;
  nn::BatchNorm& bn1_;
  nn::Conv2d& conv_pw_;
  nn::BatchNorm& bn2_;
};

class MobilenetV1 final : public nn::Module {
 public:
  explicit MobilenetV1(const MobilenetV1Config& config) {
    const MobilenetV1Parts parts{config};
    int64_t channels = scaled_channels(32, config.width);
    conv_stem_ = &add("conv_stem", parts.conv(config.in_channels, channels, 3, 2));
    bn1_ = &add("bn1", parts.norm(channels));
    int64_t number = 0;
    for (const MobilenetV1Stage& stage : kMobilenetV1Stages) {
      for (int64_t i = 0; i < stage.blocks; ++i) {
        const int64_t out = scaled_channels(stage.channels, config.width);
        blocks_.push_back(&add("blocks." + std::to_string(number) + "." + std::to_string(i),
                               std::make_unique<SeparableBlock>(parts, channels, out, i == 0 ? stage.stride : 1)));
        channels = out;
      }
      ++number;
    }
    dropout_ = &add("dropout", std::make_unique<nn::Dropout>(config.dropout));
    classifier_ = &add("classifier", std::make_unique<nn::Linear>(channels, config.classes));
    nn::start_convolutions_by_fan_out(*this);
    nn::start_linears_normal(*this, 0.01f);
  }

  std::string kind() const override { return "MobilenetV1"; }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override {
    Variable h = bn1_->with_relu((*conv_stem_)(x, context), {}, context, kRelu6Ceiling);
    for (SeparableBlock* block : blocks_) h = (*block)(h, context);
    return (*classifier_)((*dropout_)(ops::global_average_pool2d(h), context), context);
  }

  nn::Conv2d* conv_stem_ = nullptr;
  nn::BatchNorm* bn1_ = nullptr;
  std::vector<SeparableBlock*> blocks_;
  nn::Dropout* dropout_ = nullptr;
  nn::Linear* classifier_ = nullptr;
};

}  // namespace

void MobilenetV1Config::declare(config::Fields& fields) {
  ImageModelConfig::declare(fields);
  fields.add("width", width, {.doc = "multiplies the channels of every layer, to multiples of 8", .above = 0});
  fields.add("padding", padding, {.doc = "zeros around images: the same on all sides, or TensorFlow's SAME, which has fewer before than behind",
                                  .choices = {"symmetric", "same"}});
  fields.add("batch_norm_epsilon", batch_norm_epsilon, {.doc = "added to variances; TensorFlow's is 1.0e-3", .above = 0});
  fields.add("dropout", dropout, {.doc = "share of the last features that is dropped in training", .minimum = 0, .below = 1});
}

std::unique_ptr<nn::Module> make_mobilenet_v1(const MobilenetV1Config& config) { return std::make_unique<MobilenetV1>(config); }

void register_mobilenet_v1(ModelTable& table) {
  add_image_model<MobilenetV1Config>(table, "mobilenet_v1", "MobileNet v1: depthwise separable convolutions (Howard 2017)", make_mobilenet_v1);
}

}  // namespace tessera::recipes
