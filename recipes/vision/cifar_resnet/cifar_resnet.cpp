// SPDX-License-Identifier: Apache-2.0
#include "recipes/vision/cifar_resnet/cifar_resnet.h"

#include <vector>

#include "core/base/error.h"
#include "core/nn/layers.h"
#include "core/ops/pooling.h"
#include "core/ops/shape.h"
#include "recipes/fit.h"
#include "recipes/vision/image_model.h"

namespace tessera::recipes {
namespace {

using nn::ForwardContext;
using nn::Variable;

/// A 1x1 convolution with batch norm; names 0 and 1, as in a sequence.
class Projection final : public nn::Module {
 public:
  Projection(int64_t in, int64_t out, int64_t stride) : conv_(add("0", plain_conv(in, out, 1, stride))), bn_(add("1", std::make_unique<nn::BatchNorm>(out))) {}
  std::string kind() const override { return "Projection"; }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override { return bn_(conv_(x, context), context); }

  nn::Conv2d& conv_;
  nn::BatchNorm& bn_;
};

class Block final : public nn::Module {
 public:
  Block(int64_t in, int64_t out, int64_t stride, const std::string& shortcut)
      : stride_(stride),
        channels_(out),
        changes_shape_(stride != 1 || in != out),
        conv1_(add("conv1", plain_conv(in, out, 3, stride))),
        bn1_(add("bn1", std::make_unique<nn::BatchNorm>(out))),
        conv2_(add("conv2", plain_conv(out, out, 3, 1))),
        bn2_(add("bn2", std::make_unique<nn::BatchNorm>(out))),
        projection_(shortcut == "C" || (shortcut == "B" && changes_shape_) ? &add("shortcut", std::make_unique<Projection>(in, out, stride))
                                                                           : nullptr) {
    mark_block();
  }

  std::string kind() const override { return "Block"; }

 private:
  Variable shortcut(const Variable& x, ForwardContext& context) {
    if (projection_) return (*projection_)(x, context);
    return changes_shape_ ? ops::subsample_and_pad(x, stride_, channels_) : x;
  }

  Variable forward(const Variable& x, ForwardContext& context) override {
    const Variable h = bn1_.with_relu(conv1_(x, context), {}, context);
    return bn2_.with_relu(conv2_(h, context), shortcut(x, context), context);
  }

  int64_t stride_, channels_;
  bool changes_shape_;
  nn::Conv2d& conv1_;
  nn::BatchNorm& bn1_;
  nn::Conv2d& conv2_;
  nn::BatchNorm& bn2_;
  Projection* projection_;
};

class CifarResnet final : public nn::Module {
 public:
  explicit CifarResnet(const CifarResnetConfig& config)
      : conv1_(add("conv1", plain_conv(config.in_channels, config.width, 3, 1))), bn1_(add("bn1", std::make_unique<nn::BatchNorm>(config.width))) {
    const int64_t blocks = (config.depth - 2) / 6;
    int64_t in = config.width;
    for (int64_t stage = 0; stage < 3; ++stage) {
      const int64_t out = config.width << stage;
      for (int64_t block = 0; block < blocks; ++block) {
        const int64_t stride = stage > 0 && block == 0 ? 2 : 1;
        blocks_.push_back(&add("layer" + std::to_string(stage + 1) + "." + std::to_string(block),
                               std::make_unique<Block>(in, out, stride, config.shortcut)));
        in = out;
      }
    }
    linear_ = &add("linear", std::make_unique<nn::Linear>(in, config.classes));
  }

  std::string kind() const override { return "CifarResnet"; }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override {
    Variable h = bn1_.with_relu(conv1_(x, context), {}, context);
    for (Block* block : blocks_) h = (*block)(h, context);
    return (*linear_)(ops::global_average_pool2d(h), context);
  }

  nn::Conv2d& conv1_;
  nn::BatchNorm& bn1_;
  std::vector<Block*> blocks_;
  nn::Linear* linear_ = nullptr;
};

}  // namespace

void CifarResnetConfig::declare(config::Fields& fields) {
  fields.add("depth", depth, {.doc = "layers with weights: 6n + 2, as in 20, 56, 110, 1202", .minimum = 8, .maximum = 100000});
  fields.add("classes", classes, {.doc = "size of the output", .minimum = 2});
  fields.add("width", width, {.doc = "channels of the first stage", .minimum = 1});
  fields.add("in_channels", in_channels, {.doc = "channels of the images", .minimum = 1});
  fields.add("shortcut", shortcut,
             {.doc = "where a block changes the shape: A subsamples and pads with zeros, B projects; C projects in every block", .choices = {"A", "B", "C"}});
}

std::unique_ptr<nn::Module> make_cifar_resnet(const CifarResnetConfig& config) {
  if ((config.depth - 2) % 6 != 0) {
    const int64_t lower = (config.depth - 2) / 6 * 6 + 2;
    throw Error(ErrorKind::usage, "depth " + std::to_string(config.depth) + " is not 6n + 2", "model.depth",
                "use " + std::to_string(lower) + " or " + std::to_string(lower + 6));
  }
  return std::make_unique<CifarResnet>(config);
}

void register_cifar_resnet(ModelTable& table) {
  const auto check = [](const CifarResnetConfig& config, const config::KindBlock& model, const data::Dataset& dataset) {
    check_image(model, config.in_channels, dataset);
    check_classes(model, config.classes, dataset);
  };
  table.add<CifarResnetConfig>("cifar_resnet", "residual networks of 6n + 2 layers for small images (He 2015)", make_cifar_resnet, check);
}

}  // namespace tessera::recipes
