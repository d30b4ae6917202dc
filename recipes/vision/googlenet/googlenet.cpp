// SPDX-License-Identifier: Apache-2.0
#include "recipes/vision/googlenet/googlenet.h"

#include <array>

#include "core/nn/sequential.h"
#include "core/nn/start.h"
#include "core/ops/activation.h"
#include "core/ops/movement.h"
#include "core/ops/pooling.h"
#include "core/ops/shape.h"

namespace tessera::recipes {
namespace {

using nn::ForwardContext;
using nn::Variable;

constexpr double kGooglenetEpsilon = 1e-3;
constexpr int64_t kAuxiliarySide = 4, kAuxiliaryChannels = 128, kAuxiliaryHidden = 1024;

/// Convolution, batch norm, ReLU.
class BasicConv final : public nn::Module {
 public:
  BasicConv(int64_t in, int64_t out, int64_t kernel, int64_t stride = 1)
      : conv_(add("conv", plain_conv(in, out, kernel, stride))), bn_(add("bn", std::make_unique<nn::BatchNorm>(out, kGooglenetEpsilon))) {}
  std::string kind() const override { return "BasicConv"; }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override { return bn_.with_relu(conv_(x, context), {}, context); }

  nn::Conv2d& conv_;
  nn::BatchNorm& bn_;
};

/// Channels of a block's branches: 1x1; 1x1 before 3x3, twice; 1x1 behind a pooling.
struct InceptionWidths {
  int64_t in, one, reduced_two, two, reduced_three, three, pooled;
};

class Inception final : public nn::Module {
 public:
  explicit Inception(const InceptionWidths& w)
      : branch1_(add("branch1", std::make_unique<BasicConv>(w.in, w.one, 1))),
        branch2_(add("branch2", reduced(w.in, w.reduced_two, w.two))),
        branch3_(add("branch3", reduced(w.in, w.reduced_three, w.three))),
        branch4_(add("branch4", std::make_unique<nn::Sequential>())) {
    branch4_.then([](const Variable& x) { return ops::max_pool2d(x, {.kernel = 3, .stride = 1, .padding = 1, .ceil_mode = true}); });
    branch4_.then(std::make_unique<BasicConv>(w.in, w.pooled, 1));
  }
  std::string kind() const override { return "Inception"; }

 private:
  static std::unique_ptr<nn::Sequential> reduced(int64_t in, int64_t between, int64_t out) {
    auto branch = std::make_unique<nn::Sequential>();
    branch->then(std::make_unique<BasicConv>(in, between, 1)).then(std::make_unique<BasicConv>(between, out, 3));
    return branch;
  }

  Variable forward(const Variable& x, ForwardContext& context) override {
    return ops::concatenate(std::array{branch1_(x, context), branch2_(x, context), branch3_(x, context), branch4_(x, context)}, 1);
  }

  BasicConv& branch1_;
  nn::Sequential& branch2_;
  nn::Sequential& branch3_;
  nn::Sequential& branch4_;
};

class AuxiliaryHead final : public nn::Module {
 public:
  AuxiliaryHead(int64_t in, const GooglenetConfig& config)
      : conv_(add("conv", std::make_unique<BasicConv>(in, kAuxiliaryChannels, 1))),
        fc1_(add("fc1", std::make_unique<nn::Linear>(kAuxiliaryChannels * kAuxiliarySide * kAuxiliarySide, kAuxiliaryHidden))),
        dropout_(add("dropout", std::make_unique<nn::Dropout>(config.auxiliary_dropout))),
        fc2_(add("fc2", std::make_unique<nn::Linear>(kAuxiliaryHidden, config.classes))) {}
  std::string kind() const override { return "AuxiliaryHead"; }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override {
    const Variable features = conv_(ops::adaptive_average_pool2d(x, kAuxiliarySide), context);
    return fc2_(dropout_(ops::relu(fc1_(ops::flatten(features), context)), context), context);
  }

  BasicConv& conv_;
  nn::Linear& fc1_;
  nn::Dropout& dropout_;
  nn::Linear& fc2_;
};

Variable googlenet_pool(const Variable& x, int64_t kernel) { return ops::max_pool2d(x, {.kernel = kernel, .stride = 2, .ceil_mode = true}); }

class Googlenet final : public nn::Module {
 public:
  explicit Googlenet(const GooglenetConfig& config)
      : auxiliary_weight_(static_cast<float>(config.auxiliary_weight)),
        conv1_(add("conv1", std::make_unique<BasicConv>(config.in_channels, 64, 7, 2))),
        conv2_(add("conv2", std::make_unique<BasicConv>(64, 64, 1))),
        conv3_(add("conv3", std::make_unique<BasicConv>(64, 192, 3))),
        inception3a_(block("3a", {192, 64, 96, 128, 16, 32, 32})),
        inception3b_(block("3b", {256, 128, 128, 192, 32, 96, 64})),
        inception4a_(block("4a", {480, 192, 96, 208, 16, 48, 64})),
        inception4b_(block("4b", {512, 160, 112, 224, 24, 64, 64})),
        inception4c_(block("4c", {512, 128, 128, 256, 24, 64, 64})),
        inception4d_(block("4d", {512, 112, 144, 288, 32, 64, 64})),
        inception4e_(block("4e", {528, 256, 160, 320, 32, 128, 128})),
        inception5a_(block("5a", {832, 256, 160, 320, 32, 128, 128})),
        inception5b_(block("5b", {832, 384, 192, 384, 48, 128, 128})),
        aux1_(config.auxiliary_heads ? &add("aux1", std::make_unique<AuxiliaryHead>(512, config)) : nullptr),
        aux2_(config.auxiliary_heads ? &add("aux2", std::make_unique<AuxiliaryHead>(528, config)) : nullptr),
        dropout_(add("dropout", std::make_unique<nn::Dropout>(config.dropout))),
        fc_(add("fc", std::make_unique<nn::Linear>(1024, config.classes))) {
    // torchvision cuts the normal distributions at 200 deviations, which is nowhere.
    for (const char* kind : {"Conv2d", "Linear"}) nn::start(*this, kind, "weight", [](const Shape&) { return nn::Initialiser::normal(0.01f); });
  }

  std::string kind() const override { return "Googlenet"; }

 private:
  Inception& block(const std::string& name, const InceptionWidths& widths) { return add("inception" + name, std::make_unique<Inception>(widths)); }

  void ask(AuxiliaryHead* head, const Variable& features, ForwardContext& context) {
    if (head && context.training()) context.add_auxiliary((*head)(features, context), auxiliary_weight_);
  }

  Variable forward(const Variable& x, ForwardContext& context) override {
    Variable h = googlenet_pool(conv1_(x, context), 3);
    h = googlenet_pool(conv3_(conv2_(h, context), context), 3);
    h = googlenet_pool(inception3b_(inception3a_(h, context), context), 3);
    h = inception4a_(h, context);
    ask(aux1_, h, context);
    h = inception4d_(inception4c_(inception4b_(h, context), context), context);
    ask(aux2_, h, context);
    h = googlenet_pool(inception4e_(h, context), 2);
    h = inception5b_(inception5a_(h, context), context);
    return fc_(dropout_(ops::global_average_pool2d(h), context), context);
  }

  float auxiliary_weight_;
  BasicConv& conv1_;
  BasicConv& conv2_;
  BasicConv& conv3_;
  Inception& inception3a_;
  Inception& inception3b_;
  Inception& inception4a_;
  Inception& inception4b_;
  Inception& inception4c_;
  Inception& inception4d_;
  Inception& inception4e_;
  Inception& inception5a_;
  Inception& inception5b_;
  AuxiliaryHead* aux1_;
  AuxiliaryHead* aux2_;
  nn::Dropout& dropout_;
  nn::Linear& fc_;
};

}  // namespace

void GooglenetConfig::declare(config::Fields& fields) {
  ImageModelConfig::declare(fields);
  fields.add("auxiliary_heads", auxiliary_heads, {.doc = "two further classifiers in training, behind inception blocks 4a and 4d"});
  fields.add("auxiliary_weight", auxiliary_weight, {.doc = "what the loss of each of them counts", .minimum = 0});
  fields.add("dropout", dropout, {.doc = "share of the last features that is dropped in training", .minimum = 0, .below = 1});
  fields.add("auxiliary_dropout", auxiliary_dropout, {.doc = "the same in the auxiliary heads' hidden layer", .minimum = 0, .below = 1});
}

std::unique_ptr<nn::Module> make_googlenet(const GooglenetConfig& config) { return std::make_unique<Googlenet>(config); }

void register_googlenet(ModelTable& table) {
  add_image_model<GooglenetConfig>(table, "googlenet", "GoogLeNet with batch norm and auxiliary heads (Szegedy 2015)", make_googlenet);
}

}  // namespace tessera::recipes
