// SPDX-License-Identifier: Apache-2.0
#include "recipes/vision/resnet/resnet.h"

#include <array>
#include <vector>

#include "core/base/error.h"
#include "core/nn/sequential.h"
#include "core/nn/start.h"
#include "core/ops/pooling.h"
#include "recipes/vision/resnet/blocks.h"

namespace tessera::recipes {
namespace {

using nn::ForwardContext;
using nn::Variable;

struct ResnetSize {
  int64_t depth;
  bool bottleneck;
  std::array<int64_t, 4> blocks;
};

constexpr ResnetSize kResnetSizes[] = {
    {18, false, {2, 2, 2, 2}}, {34, false, {3, 4, 6, 3}}, {50, true, {3, 4, 6, 3}}, {101, true, {3, 4, 23, 3}}, {152, true, {3, 8, 36, 3}}};

const ResnetSize& resnet_size(int64_t depth) {
  for (const ResnetSize& size : kResnetSizes) {
    if (size.depth == depth) return size;
  }
  throw Error(ErrorKind::usage, "there is no ResNet of " + std::to_string(depth) + " layers", "model.depth", "use 18, 34, 50, 101 or 152");
}

class Resnet final : public nn::Module {
 public:
  explicit Resnet(const ResnetConfig& config)
      : conv1_(add("conv1", std::make_unique<nn::Conv2d>(nn::Conv2dOptions{
                                .in_channels = config.in_channels, .out_channels = 64, .kernel = 7, .stride = 2, .padding = 3, .bias = false}))),
        bn1_(add("bn1", batch_norm(64))) {
    const ResnetSize& size = resnet_size(config.depth);
    ResidualBlockOptions block{.in_channels = 64, .groups = config.groups, .width_per_group = config.width_per_group, .zero_init = config.zero_init_residual};
    for (size_t stage = 0; stage < size.blocks.size(); ++stage) {
      block.planes = int64_t{64} << stage;
      auto layer = std::make_unique<nn::Sequential>();
      for (int64_t i = 0; i < size.blocks[stage]; ++i) {
        block.stride = stage > 0 && i == 0 ? 2 : 1;
        layer->then(size.bottleneck ? bottleneck(block) : basic_block(block));
        block.in_channels = size.bottleneck ? block.planes * kBottleneckExpansion : block.planes;
      }
      layers_.push_back(&add("layer" + std::to_string(stage + 1), std::move(layer)));
    }
    fc_ = &add("fc", std::make_unique<nn::Linear>(block.in_channels, config.classes));
    nn::start_convolutions_by_fan_out(*this);
  }

  std::string kind() const override { return "Resnet"; }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override {
    Variable h = bn1_.with_relu(conv1_(x, context), {}, context);
    h = ops::max_pool2d(h, {.kernel = 3, .stride = 2, .padding = 1});
    for (nn::Sequential* layer : layers_) h = (*layer)(h, context);
    return (*fc_)(ops::global_average_pool2d(h), context);
  }

  nn::Conv2d& conv1_;
  nn::BatchNorm& bn1_;
  std::vector<nn::Sequential*> layers_;
  nn::Linear* fc_ = nullptr;
};

}  // namespace

void ResnetConfig::declare(config::Fields& fields) {
  ImageModelConfig::declare(fields);
  fields.add("depth", depth, {.doc = "layers with weights: 18, 34, 50, 101 or 152", .minimum = 18, .maximum = 152});
  fields.add("groups", groups, {.doc = "of the 3x3 convolutions; more than 1 makes it a ResNeXt; bottlenecks only (50 layers and more)", .minimum = 1});
  fields.add("width_per_group", width_per_group,
             {.doc = "the 3x3 convolutions of the first stage have groups * width_per_group channels; bottlenecks only", .unit = "channels", .minimum = 1});
  fields.add("zero_init_residual", zero_init_residual, {.doc = "blocks start as the identity: the scale of their last batch norm at 0 (Goyal 2017)"});
}

std::unique_ptr<nn::Module> make_resnet(const ResnetConfig& config) {
  if (!resnet_size(config.depth).bottleneck && (config.groups != 1 || config.width_per_group != 64)) {
    throw Error(ErrorKind::usage, "a ResNet of " + std::to_string(config.depth) + " layers has no bottlenecks, which alone have groups and another width",
                "model.groups", "use depth 50, 101 or 152, or groups 1 and width_per_group 64");
  }
  return std::make_unique<Resnet>(config);
}

void register_resnet(ModelTable& table) {
  add_image_model<ResnetConfig>(table, "resnet", "residual networks of 18 to 152 layers (He 2015), ResNeXt (Xie 2017)", make_resnet);
}

}  // namespace tessera::recipes
