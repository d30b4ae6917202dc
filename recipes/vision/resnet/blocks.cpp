// SPDX-License-Identifier: Apache-2.0
#include "recipes/vision/resnet/blocks.h"

#include "core/nn/sequential.h"
#include "recipes/vision/image_model.h"

namespace tessera::recipes {
namespace {

using nn::ForwardContext;
using nn::Variable;

/// nullptr where the block keeps the shape.
std::unique_ptr<nn::Sequential> projection(const ResidualBlockOptions& o, int64_t out) {
  if (o.stride == 1 && o.in_channels == out) return nullptr;
  auto sequence = std::make_unique<nn::Sequential>();
  sequence->then(plain_conv(o.in_channels, out, 1, o.stride)).then(batch_norm(out));
  return sequence;
}

class BasicBlock final : public nn::Module {
 public:
  explicit BasicBlock(const ResidualBlockOptions& o)
      : conv1_(add("conv1", plain_conv(o.in_channels, o.planes, 3, o.stride))),
        bn1_(add("bn1", batch_norm(o.planes))),
        conv2_(add("conv2", plain_conv(o.planes, o.planes, 3))),
        bn2_(add("bn2", batch_norm(o.planes))) {
    mark_block();
    if (auto downsample = projection(o, o.planes)) downsample_ = &add("downsample", std::move(downsample));
    if (o.zero_init) bn2_.start_at(0.0f);
  }
  std::string kind() const override { return "BasicBlock"; }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override {
    const Variable h = bn1_.with_relu(conv1_(x, context), {}, context);
    const Variable shortcut = downsample_ ? (*downsample_)(x, context) : x;
    return bn2_.with_relu(conv2_(h, context), shortcut, context);
  }

  nn::Conv2d& conv1_;
  nn::BatchNorm& bn1_;
  nn::Conv2d& conv2_;
  nn::BatchNorm& bn2_;
  nn::Sequential* downsample_ = nullptr;
};

class Bottleneck final : public nn::Module {
 public:
  explicit Bottleneck(const ResidualBlockOptions& o)
      : width_(o.planes * o.width_per_group / 64 * o.groups),
        out_(o.planes * kBottleneckExpansion),
        conv1_(add("conv1", plain_conv(o.in_channels, width_, 1))),
        bn1_(add("bn1", batch_norm(width_))),
        conv2_(add("conv2", plain_conv(width_, width_, 3, o.stride, o.groups))),
        bn2_(add("bn2", batch_norm(width_))),
        conv3_(add("conv3", plain_conv(width_, out_, 1))),
        bn3_(add("bn3", batch_norm(out_))) {
    mark_block();
    if (auto downsample = projection(o, out_)) downsample_ = &add("downsample", std::move(downsample));
    if (o.zero_init) bn3_.start_at(0.0f);
  }
  std::string kind() const override { return "Bottleneck"; }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override {
    Variable h = bn1_.with_relu(conv1_(x, context), {}, context);
    h = bn2_.with_relu(conv2_(h, context), {}, context);
    const Variable shortcut = downsample_ ? (*downsample_)(x, context) : x;
    return bn3_.with_relu(conv3_(h, context), shortcut, context);
  }

  int64_t width_, out_;
  nn::Conv2d& conv1_;
  nn::BatchNorm& bn1_;
  nn::Conv2d& conv2_;
  nn::BatchNorm& bn2_;
  nn::Conv2d& conv3_;
  nn::BatchNorm& bn3_;
  nn::Sequential* downsample_ = nullptr;
};

}  // namespace

std::unique_ptr<nn::Module> basic_block(const ResidualBlockOptions& options) { return std::make_unique<BasicBlock>(options); }
std::unique_ptr<nn::Module> bottleneck(const ResidualBlockOptions& options) { return std::make_unique<Bottleneck>(options); }

}  // namespace tessera::recipes
