// SPDX-License-Identifier: Apache-2.0
// Mixup (Zhang, Cisse, Dauphin, Lopez-Paz, "mixup: beyond empirical risk minimization", ICLR 2018) and CutMix (Yun et al., ICCV 2019), within a
// quantum: one share for all its samples, as in timm's mode "batch" and in torchvision.
#pragma once

#include <cstdint>
#include <vector>

#include "core/config/fields.h"
#include "core/nn/module.h"
#include "core/tensor/tensor.h"

namespace tessera {

/// Keys of the `task` block.
struct MixingConfig {
  double mixup = 0.0;
  double cutmix = 0.0;
  double mix_probability = 1.0;
  double cutmix_share = 0.5;
  void declare(config::Fields& fields);

  bool active() const { return mixup > 0.0 || cutmix > 0.0; }
};

/// Rows [top, bottom), columns [left, right) of an image.
struct Box {
  int64_t top = 0, bottom = 0, left = 0, right = 0;
};

/// What a quantum mixes: sample i with sample (i + shift) % samples.
struct MixPlan {
  enum class Kind { none, mixup, cutmix };
  Kind kind = Kind::none;
  int64_t shift = 0;
  float share = 1.0f;  ///< of the sample itself; a multiple of 2^-24, so that 1 - share has no rounding
  Box box;             ///< of cutmix: what comes from the partner
};

/// Drawn by (seed, step, quantum). `inputs` has at least two samples. Throws Error(usage) naming the key where they cannot be mixed.
MixPlan plan_mix(const MixingConfig& config, const Tensor& inputs, const nn::ForwardContext& context);

/// Samples [N, ...] as the plan says, f32. A sample whose own weight or whose partner's is 0 stays as it is. `weights` f32 [N], or undefined: all 1.
struct MixedSamples {
  Tensor inputs;
  Tensor partner_targets;               ///< of each sample's partner; its own where it stays as it is
  Tensor own_weights, partner_weights;  ///< f32 [N]: the sample's weight times the share of its own target and its partner's
};
MixedSamples mix(const MixPlan& plan, const Tensor& inputs, const Tensor& targets, const Tensor& weights);

}  // namespace tessera
