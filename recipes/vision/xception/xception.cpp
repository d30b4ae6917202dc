// SPDX-License-Identifier: Apache-2.0
#include "recipes/vision/xception/xception.h"

#include <vector>

#include "core/nn/sequential.h"
#include "core/nn/start.h"
#include "core/ops/activation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/pooling.h"

namespace tessera::recipes {
namespace {

using nn::ForwardContext;
using nn::Variable;

/// A 3x3 convolution within channels, then a 1x1 convolution across them.
class SeparableConv final : public nn::Module {
 public:
  SeparableConv(int64_t in, int64_t out) : conv1_(add("conv1", plain_conv(in, in, 3, 1, in))), pointwise_(add("pointwise", plain_conv(in, out, 1))) {}
  std::string kind() const override { return "SeparableConv"; }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override { return pointwise_(conv1_(x, context), context); }

  nn::Conv2d& conv1_;
  nn::Conv2d& pointwise_;
};

struct XceptionBlockOptions {
  int64_t in, out, convolutions;
  int64_t stride = 1;
  bool starts_with_relu = true;
  bool grows_first = true;  ///< the first convolution changes the number of channels; otherwise the last
};

/// Separable convolutions with a shortcut, which is projected where the shape changes.
class XceptionBlock final : public nn::Module {
 public:
  explicit XceptionBlock(const XceptionBlockOptions& o) : rep_(add("rep", std::make_unique<nn::Sequential>())) {
    if (o.in != o.out || o.stride != 1) {
      skip_ = &add("skip", plain_conv(o.in, o.out, 1, o.stride));
      skipbn_ = &add("skipbn", batch_norm(o.out));
    }
    if (o.starts_with_relu) rep_.then(ops::relu);
    int64_t channels = o.in;
    for (int64_t i = 0; i < o.convolutions; ++i) {
      const bool last = i + 1 == o.convolutions;
      const int64_t next = o.grows_first || last ? o.out : o.in;
      rep_.then(std::make_unique<SeparableConv>(channels, next));
      if (last) {
        rep_.then(batch_norm(next));
      } else {
        rep_.then_batch_norm_relu(batch_norm(next));
      }
      channels = next;
    }
    if (o.stride != 1) {
      const int64_t stride = o.stride;
      rep_.then([stride](const Variable& x) { return ops::max_pool2d(x, {.kernel = 3, .stride = stride, .padding = 1}); });
    }
  }
  std::string kind() const override { return "XceptionBlock"; }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override {
    const Variable h = rep_(x, context);
    return skip_ ? skipbn_->with_residual((*skip_)(x, context), h, context) : ops::add(h, x);
  }

  nn::Sequential& rep_;
  nn::Conv2d* skip_ = nullptr;
  nn::BatchNorm* skipbn_ = nullptr;
};

class Xception final : public nn::Module {
 public:
  explicit Xception(const XceptionConfig& config)
      : conv1_(add("conv1", unpadded_conv(config.in_channels, 32, 2))),
        bn1_(add("bn1", batch_norm(32))),
        conv2_(add("conv2", unpadded_conv(32, 64, 1))),
        bn2_(add("bn2", batch_norm(64))) {
    add_block({.in = 64, .out = 128, .convolutions = 2, .stride = 2, .starts_with_relu = false});
    add_block({.in = 128, .out = 256, .convolutions = 2, .stride = 2});
    add_block({.in = 256, .out = kMiddle, .convolutions = 2, .stride = 2});
    for (int i = 0; i < 8; ++i) add_block({.in = kMiddle, .out = kMiddle, .convolutions = 3});
    add_block({.in = kMiddle, .out = 1024, .convolutions = 2, .stride = 2, .grows_first = false});
    conv3_ = &add("conv3", std::make_unique<SeparableConv>(1024, 1536));
    bn3_ = &add("bn3", batch_norm(1536));
    conv4_ = &add("conv4", std::make_unique<SeparableConv>(1536, 2048));
    bn4_ = &add("bn4", batch_norm(2048));
    dropout_ = &add("dropout", std::make_unique<nn::Dropout>(config.dropout));
    fc_ = &add("fc", std::make_unique<nn::Linear>(2048, config.classes));
    nn::start_convolutions_by_fan_out(*this);
  }

  std::string kind() const override { return "Xception"; }

 private:
  static constexpr int64_t kMiddle = 728;

  static std::unique_ptr<nn::Conv2d> unpadded_conv(int64_t in, int64_t out, int64_t stride) {
    return std::make_unique<nn::Conv2d>(nn::Conv2dOptions{.in_channels = in, .out_channels = out, .kernel = 3, .stride = stride, .bias = false});
  }

  void add_block(const XceptionBlockOptions& options) {
    blocks_.push_back(&add("block" + std::to_string(blocks_.size() + 1), std::make_unique<XceptionBlock>(options)));
  }

  Variable forward(const Variable& x, ForwardContext& context) override {
    Variable h = bn1_.with_relu(conv1_(x, context), {}, context);
    h = bn2_.with_relu(conv2_(h, context), {}, context);
    for (XceptionBlock* block : blocks_) h = (*block)(h, context);
    h = bn3_->with_relu((*conv3_)(h, context), {}, context);
    h = bn4_->with_relu((*conv4_)(h, context), {}, context);
    return (*fc_)((*dropout_)(ops::global_average_pool2d(h), context), context);
  }

  nn::Conv2d& conv1_;
  nn::BatchNorm& bn1_;
  nn::Conv2d& conv2_;
  nn::BatchNorm& bn2_;
  std::vector<XceptionBlock*> blocks_;
  SeparableConv* conv3_ = nullptr;
  nn::BatchNorm* bn3_ = nullptr;
  SeparableConv* conv4_ = nullptr;
  nn::BatchNorm* bn4_ = nullptr;
  nn::Dropout* dropout_ = nullptr;
  nn::Linear* fc_ = nullptr;
};

}  // namespace

void XceptionConfig::declare(config::Fields& fields) {
  ImageModelConfig::declare(fields);
  fields.add("dropout", dropout, {.doc = "share of the last features that is dropped in training", .minimum = 0, .below = 1});
}

std::unique_ptr<nn::Module> make_xception(const XceptionConfig& config) { return std::make_unique<Xception>(config); }

void register_xception(ModelTable& table) { add_image_model<XceptionConfig>(table, "xception", "Xception: separable convolutions with shortcuts (Chollet 2017)", make_xception); }

}  // namespace tessera::recipes
