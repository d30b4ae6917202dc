// SPDX-License-Identifier: Apache-2.0
#include "core/task/mixing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "core/base/error.h"
#include "core/base/philox.h"
#include "core/ops/checks.h"

namespace tessera {
namespace {

/// The random numbers of a quantum's plan, one after the other.
class Draws {
 public:
  explicit Draws(const nn::ForwardContext& context)
      : key_(random_key(context.seed(), RandomPurpose::mixup)), step_(static_cast<uint64_t>(context.step())), quantum_(static_cast<uint32_t>(context.quantum())) {}

  /// In (0, 1).
  double uniform() {
    const PhiloxBlock block = philox4x32(key_, {count_++, quantum_, static_cast<uint32_t>(step_), static_cast<uint32_t>(step_ >> 32)});
    return (static_cast<double>(block[0]) + 0.5) * 0x1p-32;
  }

  int64_t below(int64_t count) { return std::min(static_cast<int64_t>(uniform() * static_cast<double>(count)), count - 1); }

  /// Beta(alpha, alpha), from two gamma numbers.
  double beta(double alpha) {
    const double a = gamma(alpha), b = gamma(alpha);
    return a + b > 0.0 ? a / (a + b) : 1.0;
  }

 private:
  double normal() { return std::sqrt(-2.0 * std::log(uniform())) * std::cos(2.0 * std::numbers::pi * uniform()); }

  /// Marsaglia and Tsang, "A simple method for generating gamma variables", ACM TOMS 26 (2000), with its power for shapes below 1.
  double gamma(double shape) {
    if (shape < 1.0) {
      const double power = std::pow(uniform(), 1.0 / shape);
      return gamma(shape + 1.0) * power;
    }
    const double d = shape - 1.0 / 3.0, c = 1.0 / std::sqrt(9.0 * d);
    while (true) {
      const double x = normal(), root = 1.0 + c * x, v = root * root * root;
      if (root > 0.0 && std::log(uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
    }
  }

  RandomKey key_;
  uint64_t step_;
  uint32_t quantum_, count_ = 0;
};

float fixed_share(double share) { return static_cast<float>(std::nearbyint(share * 0x1p24) * 0x1p-24); }

/// A box of about 1 - share of the image around a point of it; what lies outside is cut off.
Box draw_box(double share, const Shape& shape, Draws& draws) {
  const int64_t height = shape[2], width = shape[3];
  const double side = std::sqrt(1.0 - share);
  const auto half_height = static_cast<int64_t>(static_cast<double>(height) * side) / 2, half_width = static_cast<int64_t>(static_cast<double>(width) * side) / 2;
  const int64_t y = draws.below(height), x = draws.below(width);
  return {std::max<int64_t>(y - half_height, 0), std::min(y + half_height, height), std::max<int64_t>(x - half_width, 0), std::min(x + half_width, width)};
}

void check_mixable(const MixingConfig& config, const Tensor& inputs) {
  if (config.cutmix > 0.0 && inputs.shape().dims() != 4) {
    throw Error(ErrorKind::usage, fmt::format("a batch of shape {} holds no images", inputs.shape().text()), "task.cutmix", "set it to 0, or give images");
  }
  if (inputs.dtype() != DType::f32) {
    throw Error(ErrorKind::usage, fmt::format("inputs of dtype {} cannot be mixed", name_of(inputs.dtype())), "task.mixup", "set it to 0, or give f32 inputs");
  }
}

void blend(const float* own, const float* partner, float share, int64_t elements, float* out) {
  const float rest = 1.0f - share;
  for (int64_t i = 0; i < elements; ++i) out[i] = share * own[i] + rest * partner[i];
}

/// Images lie H, W, C.
void paste(const float* partner, const Box& box, const Shape& shape, float* out) {
  const int64_t channels = shape[1], width = shape[3];
  for (int64_t y = box.top; y < box.bottom; ++y) {
    const int64_t begin = (y * width + box.left) * channels, end = (y * width + box.right) * channels;
    std::copy(partner + begin, partner + end, out + begin);
  }
}

}  // namespace

void MixingConfig::declare(config::Fields& fields) {
  const double kMaxAlpha = 1e6;
  fields.add("mixup", mixup,
             {.doc = "training mixes each sample with another of its quantum, in shares drawn from Beta(mixup, mixup); 0: not at all",
              .minimum = 0, .maximum = kMaxAlpha, .late = true});
  fields.add("cutmix", cutmix,
             {.doc = "training puts a box of another image of the quantum into each image; its area is drawn by Beta(cutmix, cutmix); 0: not at all",
              .minimum = 0, .maximum = kMaxAlpha, .late = true});
  fields.add("mix_probability", mix_probability, {.doc = "share of quanta that mixup or cutmix changes", .minimum = 0, .maximum = 1, .late = true});
  fields.add("cutmix_share", cutmix_share, {.doc = "with both mixup and cutmix: share of the changed quanta that cutmix changes", .minimum = 0, .maximum = 1, .late = true});
}

MixPlan plan_mix(const MixingConfig& config, const Tensor& inputs, const nn::ForwardContext& context) {
  check_mixable(config, inputs);
  Draws draws(context);
  const bool mixes = draws.uniform() < config.mix_probability;
  const bool cuts = config.cutmix > 0.0 && (config.mixup == 0.0 || draws.uniform() < config.cutmix_share);
  if (!mixes) return {};
  MixPlan plan;
  plan.kind = cuts ? MixPlan::Kind::cutmix : MixPlan::Kind::mixup;
  plan.shift = 1 + draws.below(inputs.shape()[0] - 1);
  const double share = draws.beta(cuts ? config.cutmix : config.mixup);
  plan.share = fixed_share(share);
  if (!cuts) return plan;
  plan.box = draw_box(share, inputs.shape(), draws);
  const auto area = static_cast<double>((plan.box.bottom - plan.box.top) * (plan.box.right - plan.box.left));
  plan.share = fixed_share(1.0 - area / static_cast<double>(inputs.shape()[2] * inputs.shape()[3]));
  return plan;
}

MixedSamples mix(const MixPlan& plan, const Tensor& inputs, const Tensor& targets, const Tensor& weights) {
  const bool cuts = plan.kind == MixPlan::Kind::cutmix;
  const Tensor from = cuts ? ops::channels_last(inputs) : ops::dense(inputs), ids = contiguous(targets);
  const int64_t samples = inputs.shape()[0], each = inputs.elements() / samples, targets_each = ids.elements() / samples;
  MixedSamples mixed{ops::empty_like(from), Tensor::empty(ids.shape(), ids.dtype()), Tensor::empty({samples}), Tensor::empty({samples})};
  const size_t target_bytes = static_cast<size_t>(targets_each) * size_bytes_of(ids.dtype());
  for (int64_t sample = 0; sample < samples; ++sample) {
    const int64_t partner = (sample + plan.shift) % samples;
    const float *own = from.data<float>() + sample * each, *other = from.data<float>() + partner * each;
    float* out = mixed.inputs.data<float>() + sample * each;
    const float weight = weights.defined() ? weights.data<float>()[sample] : 1.0f, other_weight = weights.defined() ? weights.data<float>()[partner] : 1.0f;
    const float share = weight == 0.0f || other_weight == 0.0f ? 1.0f : plan.share;
    if (cuts || share == 1.0f) {
      std::copy(own, own + each, out);
      if (share != 1.0f) paste(other, plan.box, from.shape(), out);
    } else {
      blend(own, other, share, each, out);
    }
    const auto seen = static_cast<size_t>(share == 1.0f ? sample : partner);
    std::memcpy(mixed.partner_targets.bytes() + static_cast<size_t>(sample) * target_bytes, ids.bytes() + seen * target_bytes, target_bytes);
    mixed.own_weights.data<float>()[sample] = weight * share;
    mixed.partner_weights.data<float>()[sample] = weight * (1.0f - share);
  }
  return mixed;
}

}  // namespace tessera
