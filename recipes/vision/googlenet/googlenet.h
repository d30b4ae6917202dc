// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recipes/vision/image_model.h"

namespace tessera::recipes {

/// GoogLeNet (Szegedy et al., "Going deeper with convolutions", CVPR 2015) as torchvision has it: batch norm behind the convolutions, 3x3 kernels in place of 5x5. In
/// training two auxiliary heads see features of half and three quarters of the depth. Names and start as torchvision's, input not transformed.
struct GooglenetConfig : ImageModelConfig {
  static constexpr ImageLimits kImages{.smallest = 15};

  bool auxiliary_heads = true;
  double auxiliary_weight = 0.3;
  double dropout = 0.2;
  double auxiliary_dropout = 0.7;
  void declare(config::Fields& fields);
};

/// [N, in_channels, H, W] -> logits [N, classes].
std::unique_ptr<nn::Module> make_googlenet(const GooglenetConfig& config);

void register_googlenet(ModelTable& table);

}  // namespace tessera::recipes
