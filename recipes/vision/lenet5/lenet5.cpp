// SPDX-License-Identifier: Apache-2.0
#include "recipes/vision/lenet5/lenet5.h"

#include "core/base/error.h"
#include "core/nn/layers.h"
#include "core/ops/activation.h"
#include "core/ops/pooling.h"
#include "core/ops/shape.h"
#include "recipes/fit.h"

namespace tessera::recipes {
namespace {

using nn::ForwardContext;
using nn::Variable;

constexpr int64_t kKernel = 5;
constexpr int64_t kMaps1 = 6, kMaps2 = 16, kHidden1 = 120, kHidden2 = 84;

/// Side of the feature maps behind both convolutions and poolings.
int64_t final_side(const LeNet5Config& config) {
  const int64_t first = (config.image_size + 2 * config.padding - kKernel + 1) / 2;
  return (first - kKernel + 1) / 2;
}

class LeNet5 final : public nn::Module {
 public:
  explicit LeNet5(const LeNet5Config& config)
      : activation_(nn::activation_from(config.activation)),
        average_(config.pooling == "average"),
        conv1_(add("conv1", conv(config.in_channels, kMaps1, config.padding))),
        conv2_(add("conv2", conv(kMaps1, kMaps2, 0))),
        fc1_(add("fc1", std::make_unique<nn::Linear>(kMaps2 * final_side(config) * final_side(config), kHidden1))),
        fc2_(add("fc2", std::make_unique<nn::Linear>(kHidden1, kHidden2))),
        dropout_(add("dropout", std::make_unique<nn::Dropout>(config.dropout))),
        fc3_(add("fc3", std::make_unique<nn::Linear>(kHidden2, config.classes))) {}

  std::string kind() const override { return "LeNet5"; }

 private:
  static std::unique_ptr<nn::Conv2d> conv(int64_t in, int64_t out, int64_t padding) {
    return std::make_unique<nn::Conv2d>(
        nn::Conv2dOptions{.in_channels = in, .out_channels = out, .kernel = kKernel, .stride = 1, .padding = padding});
  }

  /// A ReLU and a maximum may change places without changing a bit; behind the maximum there is a quarter of the work left.
  Variable squash_and_pool(const Variable& x) const {
    if (average_) return ops::average_pool2d(nn::activate(activation_, x), {});
    if (activation_ == nn::Activation::relu) return ops::relu(ops::max_pool2d(x, {}));
    return ops::max_pool2d(nn::activate(activation_, x), {});
  }

  Variable forward(const Variable& x, ForwardContext& context) override {
    Variable h = squash_and_pool(conv1_(x, context));
    h = squash_and_pool(conv2_(h, context));
    h = nn::activate(activation_, fc1_(ops::flatten(h), context));
    h = nn::activate(activation_, fc2_(h, context));
    return fc3_(dropout_(h, context), context);
  }

  nn::Activation activation_;
  bool average_;
  nn::Conv2d& conv1_;
  nn::Conv2d& conv2_;
  nn::Linear& fc1_;
  nn::Linear& fc2_;
  nn::Dropout& dropout_;
  nn::Linear& fc3_;
};

}  // namespace

void LeNet5Config::declare(config::Fields& fields) {
  fields.add("classes", classes, {.doc = "size of the output", .minimum = 2});
  fields.add("in_channels", in_channels, {.doc = "channels of the images", .minimum = 1});
  fields.add("image_size", image_size, {.doc = "height and width of the images", .unit = "pixels", .minimum = 12});
  fields.add("padding", padding, {.doc = "zeros around the image; 2 makes 28 the 32 of the paper", .unit = "pixels", .minimum = 0});
  fields.add("activation", activation, {.doc = "squashing function", .choices = nn::activation_names()});
  fields.add("pooling", pooling, {.doc = "subsampling", .choices = {"average", "max"}});
  fields.add("dropout", dropout, {.doc = "share of the last hidden layer that is dropped in training", .minimum = 0, .below = 1});
}

std::unique_ptr<nn::Module> make_lenet5(const LeNet5Config& config) {
  if (final_side(config) < 1) {
    throw Error(ErrorKind::usage, "images of " + std::to_string(config.image_size) + " pixels are too small for LeNet-5", "model.image_size",
                "use at least 16, or raise model.padding");
  }
  return std::make_unique<LeNet5>(config);
}

void register_lenet5(ModelTable& table) {
  const auto check = [](const LeNet5Config& config, const config::KindBlock& model, const data::Dataset& dataset) {
    check_image(model, config.in_channels, dataset);
    check_classes(model, config.classes, dataset);
    const Shape& sample = dataset.fields().front().shape;
    if (sample[1] != sample[2]) throw Error(ErrorKind::usage, "LeNet-5 takes square images, but " + sample_text(dataset), model.node.origin().text(), "take another model or other data");
    if (config.image_size != sample[1]) does_not_fit(model, "image_size", config.image_size, sample_text(dataset), sample[1]);
  };
  table.add<LeNet5Config>("lenet5", "LeNet-5 for small grey images (LeCun 1998)", make_lenet5, check);
}

}  // namespace tessera::recipes
