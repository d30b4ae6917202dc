// SPDX-License-Identifier: Apache-2.0
#include "recipes/vision/alexnet/alexnet.h"

#include "core/nn/sequential.h"
#include "core/ops/activation.h"
#include "core/ops/normalisation.h"
#include "core/ops/pooling.h"
#include "core/ops/shape.h"

namespace tessera::recipes {
namespace {

using nn::ForwardContext;
using nn::Variable;

std::unique_ptr<nn::Conv2d> alexnet_conv(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t padding) {
  return std::make_unique<nn::Conv2d>(nn::Conv2dOptions{.in_channels = in, .out_channels = out, .kernel = kernel, .stride = stride, .padding = padding});
}

Variable alexnet_pool(const Variable& x) { return ops::max_pool2d(x, {.kernel = 3, .stride = 2}); }

/// With the constants of the paper of 2012, whose alpha is of a sum, not of a mean.
Variable normalise_response(const Variable& x) { return ops::local_response_norm(x, {.window = 5, .alpha = 5.0 * 1e-4, .beta = 0.75, .start = 2.0}); }

class Alexnet final : public nn::Module {
 public:
  explicit Alexnet(const AlexnetConfig& config)
      : features_(add("features", std::make_unique<nn::Sequential>())), classifier_(add("classifier", std::make_unique<nn::Sequential>())) {
    const auto pool = config.response_norm ? [](const Variable& x) { return alexnet_pool(normalise_response(x)); } : alexnet_pool;
    features_.then(alexnet_conv(config.in_channels, 64, 11, 4, 2)).then(ops::relu).then(pool);
    features_.then(alexnet_conv(64, 192, 5, 1, 2)).then(ops::relu).then(pool);
    features_.then(alexnet_conv(192, 384, 3, 1, 1)).then(ops::relu);
    features_.then(alexnet_conv(384, 256, 3, 1, 1)).then(ops::relu);
    features_.then(alexnet_conv(256, 256, 3, 1, 1)).then(ops::relu).then(alexnet_pool);
    classifier_.then(std::make_unique<nn::Dropout>(config.dropout)).then(std::make_unique<nn::Linear>(256 * 6 * 6, 4096)).then(ops::relu);
    classifier_.then(std::make_unique<nn::Dropout>(config.dropout)).then(std::make_unique<nn::Linear>(4096, 4096)).then(ops::relu);
    classifier_.then(std::make_unique<nn::Linear>(4096, config.classes));
  }

  std::string kind() const override { return "Alexnet"; }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override {
    return classifier_(ops::flatten(ops::adaptive_average_pool2d(features_(x, context), 6)), context);
  }

  nn::Sequential& features_;
  nn::Sequential& classifier_;
};

}  // namespace

void AlexnetConfig::declare(config::Fields& fields) {
  ImageModelConfig::declare(fields);
  fields.add("dropout", dropout, {.doc = "share of the inputs of both hidden linear layers that is dropped in training", .minimum = 0, .below = 1});
  fields.add("response_norm", response_norm, {.doc = "local response normalisation before the first two poolings, as in the paper of 2012"});
}

std::unique_ptr<nn::Module> make_alexnet(const AlexnetConfig& config) { return std::make_unique<Alexnet>(config); }

void register_alexnet(ModelTable& table) { add_image_model<AlexnetConfig>(table, "alexnet", "AlexNet with one tower (Krizhevsky 2014)", make_alexnet); }

}  // namespace tessera::recipes
