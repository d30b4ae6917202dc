// SPDX-License-Identifier: Apache-2.0
#include "recipes/vision/hrnet/hrnet.h"

#include <vector>

#include "core/nn/sequential.h"
#include "core/nn/start.h"
#include "core/ops/activation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/pooling.h"
#include "core/ops/upsample.h"
#include "recipes/vision/resnet/blocks.h"

namespace tessera::recipes {
namespace {

using nn::ForwardContext;
using nn::Variable;

constexpr int64_t kHrnetStem = 64, kHrnetBlocks = 4, kHrnetFeatures = 2048;
constexpr int64_t kHrnetHead[] = {32, 64, 128, 256};  // planes of the head's bottlenecks
constexpr size_t kHrnetExchanges[] = {1, 4, 3};       // of stages 2, 3 and 4, which have as many branches

/// Convolution and batch norm, with ReLU where asked.
std::unique_ptr<nn::Sequential> hrnet_conv(int64_t in, int64_t out, int64_t kernel, int64_t stride, bool relu, bool bias = false) {
  auto sequence = std::make_unique<nn::Sequential>();
  sequence->then(std::make_unique<nn::Conv2d>(nn::Conv2dOptions{
      .in_channels = in, .out_channels = out, .kernel = kernel, .stride = stride, .padding = kernel / 2, .bias = bias}));
  if (relu) {
    sequence->then_batch_norm_relu(batch_norm(out));
  } else {
    sequence->then(batch_norm(out));
  }
  return sequence;
}

/// Halves the resolution `steps` times; the channels change in the last.
std::unique_ptr<nn::Sequential> hrnet_down(int64_t in, int64_t out, size_t steps, bool relu_at_end) {
  auto sequence = std::make_unique<nn::Sequential>();
  for (size_t step = 1; step <= steps; ++step) {
    const bool last = step == steps;
    sequence->then(hrnet_conv(in, last ? out : in, 3, 2, !last || relu_at_end));
  }
  return sequence;
}

std::unique_ptr<nn::Sequential> hrnet_up(int64_t in, int64_t out, size_t steps) {
  auto sequence = hrnet_conv(in, out, 1, 1, false);
  const int64_t factor = int64_t{1} << steps;
  sequence->then([factor](const Variable& x) { return ops::upsample_nearest2d(x, factor); });
  return sequence;
}

class Hrnet final : public nn::Module {
 public:
  explicit Hrnet(const HrnetConfig& config)
      : conv1_(add("conv1", plain_conv(config.in_channels, kHrnetStem, 3, 2))),
        bn1_(add("bn1", batch_norm(kHrnetStem))),
        conv2_(add("conv2", plain_conv(kHrnetStem, kHrnetStem, 3, 2))),
        bn2_(add("bn2", batch_norm(kHrnetStem))),
        layer1_(add("layer1", bottlenecks(kHrnetStem, 64, kHrnetBlocks))) {
    std::vector<int64_t> before = {64 * kBottleneckExpansion};
    for (size_t stage = 0; stage < std::size(kHrnetExchanges); ++stage) {
      std::vector<int64_t> channels;
      for (size_t branch = 0; branch < stage + 2; ++branch) channels.push_back(config.width << branch);
      stages_.push_back({add_transition("transition" + std::to_string(stage + 1), before, channels), {}});
      for (size_t i = 0; i < kHrnetExchanges[stage]; ++i) {
        stages_.back().exchanges.push_back(add_exchange("stage" + std::to_string(stage + 2) + "." + std::to_string(i), channels));
      }
      before = channels;
    }
    add_head(before, config);
    nn::start(*this, "Conv2d", "weight", nn::Initialiser::he_normal_fan_out);
  }

  std::string kind() const override { return "Hrnet"; }

 private:
  using Features = std::vector<Variable>;  // of the branches, the highest resolution first

  /// Branches by themselves, then every branch gets the sum of all, each brought to its resolution; nullptr: as it is.
  struct Exchange {
    std::vector<nn::Module*> branches;
    std::vector<std::vector<nn::Module*>> fuse;  // [to][from]
  };
  struct Stage {
    std::vector<nn::Module*> transition;  // to each branch, from the last one before; nullptr: from the same, as it is
    std::vector<Exchange> exchanges;
  };

  static std::unique_ptr<nn::Sequential> bottlenecks(int64_t in, int64_t planes, int64_t blocks) {
    auto layer = std::make_unique<nn::Sequential>();
    for (int64_t i = 0; i < blocks; ++i) layer->then(bottleneck({.in_channels = i == 0 ? in : planes * kBottleneckExpansion, .planes = planes}));
    return layer;
  }

  std::vector<nn::Module*> add_transition(const std::string& name, const std::vector<int64_t>& from, const std::vector<int64_t>& to) {
    std::vector<nn::Module*> transition;
    for (size_t i = 0; i < to.size(); ++i) {
      const std::string path = name + "." + std::to_string(i);
      if (i >= from.size()) {
        transition.push_back(&add(path, hrnet_down(from.back(), to[i], i + 1 - from.size(), true)));
      } else {
        transition.push_back(from[i] == to[i] ? nullptr : &add(path, hrnet_conv(from[i], to[i], 3, 1, true)));
      }
    }
    return transition;
  }

  Exchange add_exchange(const std::string& name, const std::vector<int64_t>& channels) {
    Exchange exchange;
    for (size_t i = 0; i < channels.size(); ++i) {
      auto branch = std::make_unique<nn::Sequential>();
      for (int64_t block = 0; block < kHrnetBlocks; ++block) branch->then(basic_block({.in_channels = channels[i], .planes = channels[i]}));
      exchange.branches.push_back(&add(name + ".branches." + std::to_string(i), std::move(branch)));
    }
    for (size_t to = 0; to < channels.size(); ++to) {
      std::vector<nn::Module*>& row = exchange.fuse.emplace_back();
      for (size_t from = 0; from < channels.size(); ++from) {
        const std::string path = name + ".fuse_layers." + std::to_string(to) + "." + std::to_string(from);
        if (from == to) {
          row.push_back(nullptr);
        } else if (from > to) {
          row.push_back(&add(path, hrnet_up(channels[from], channels[to], from - to)));
        } else {
          row.push_back(&add(path, hrnet_down(channels[from], channels[to], to - from, false)));
        }
      }
    }
    return exchange;
  }

  void add_head(const std::vector<int64_t>& channels, const HrnetConfig& config) {
    for (size_t i = 0; i < channels.size(); ++i) {
      increase_.push_back(&add("incre_modules." + std::to_string(i), bottlenecks(channels[i], kHrnetHead[i], 1)));
    }
    for (size_t i = 0; i + 1 < channels.size(); ++i) {
      const int64_t in = kHrnetHead[i] * kBottleneckExpansion, out = kHrnetHead[i + 1] * kBottleneckExpansion;
      downsample_.push_back(&add("downsamp_modules." + std::to_string(i), hrnet_conv(in, out, 3, 2, true, true)));
    }
    final_layer_ = &add("final_layer", hrnet_conv(kHrnetHead[3] * kBottleneckExpansion, kHrnetFeatures, 1, 1, true, true));
    dropout_ = &add("head_drop", std::make_unique<nn::Dropout>(config.dropout));
    classifier_ = &add("classifier", std::make_unique<nn::Linear>(kHrnetFeatures, config.classes));
  }

  static Features run(const Exchange& exchange, Features x, ForwardContext& context) {
    for (size_t i = 0; i < x.size(); ++i) x[i] = (*exchange.branches[i])(x[i], context);
    Features fused;
    for (const std::vector<nn::Module*>& row : exchange.fuse) {
      Variable sum;
      for (size_t from = 0; from < x.size(); ++from) {
        const Variable part = row[from] ? (*row[from])(x[from], context) : x[from];
        sum = sum.defined() ? ops::add(sum, part) : part;
      }
      fused.push_back(ops::relu(sum));
    }
    return fused;
  }

  Variable forward(const Variable& x, ForwardContext& context) override {
    Variable h = bn1_.with_relu(conv1_(x, context), {}, context);
    h = layer1_(bn2_.with_relu(conv2_(h, context), {}, context), context);
    Features features = {h};
    for (const Stage& stage : stages_) {
      Features next;
      for (size_t i = 0; i < stage.transition.size(); ++i) {
        next.push_back(stage.transition[i] ? (*stage.transition[i])(features.back(), context) : features[i]);
      }
      features = std::move(next);
      for (const Exchange& exchange : stage.exchanges) features = run(exchange, std::move(features), context);
    }
    h = (*increase_[0])(features[0], context);
    for (size_t i = 1; i < features.size(); ++i) {
      const Variable increased = (*increase_[i])(features[i], context);
      h = ops::add(increased, (*downsample_[i - 1])(h, context));
    }
    h = ops::global_average_pool2d((*final_layer_)(h, context));
    return (*classifier_)((*dropout_)(h, context), context);
  }

  nn::Conv2d& conv1_;
  nn::BatchNorm& bn1_;
  nn::Conv2d& conv2_;
  nn::BatchNorm& bn2_;
  nn::Sequential& layer1_;
  std::vector<Stage> stages_;
  std::vector<nn::Module*> increase_, downsample_;
  nn::Module* final_layer_ = nullptr;
  nn::Dropout* dropout_ = nullptr;
  nn::Linear* classifier_ = nullptr;
};

}  // namespace

void HrnetConfig::declare(config::Fields& fields) {
  ImageModelConfig::declare(fields);
  fields.add("width", width, {.doc = "channels of the branch of highest resolution; the next have twice as many each: 18, 30, 32, 40, 44, 48 and 64 are common", .minimum = 1});
  fields.add("dropout", dropout, {.doc = "share of the last features that is dropped in training", .minimum = 0, .below = 1});
}

std::unique_ptr<nn::Module> make_hrnet(const HrnetConfig& config) { return std::make_unique<Hrnet>(config); }

void register_hrnet(ModelTable& table) { add_image_model<HrnetConfig>(table, "hrnet", "HRNet: branches of several resolutions that exchange features (Wang 2020)", make_hrnet); }

}  // namespace tessera::recipes
