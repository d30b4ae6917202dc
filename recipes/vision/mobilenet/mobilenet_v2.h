// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recipes/vision/image_model.h"

namespace tessera::recipes {

/// MobileNet v2 (Sandler, Howard, Zhu, Zhmoginov, Chen, "MobileNetV2: inverted residuals and linear bottlenecks", CVPR 2018). Names and start as torchvision's.
struct MobilenetV2Config : ImageModelConfig {
  static constexpr ImageLimits kImages{};

  double width = 1.0;
  double dropout = 0.2;
  void declare(config::Fields& fields);
};

/// [N, in_channels, H, W] -> logits [N, classes].
std::unique_ptr<nn::Module> make_mobilenet_v2(const MobilenetV2Config& config);

void register_mobilenet_v2(ModelTable& table);

}  // namespace tessera::recipes
