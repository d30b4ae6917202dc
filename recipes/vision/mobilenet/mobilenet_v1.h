// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recipes/vision/image_model.h"

namespace tessera::recipes {

/// MobileNet v1 (Howard et al., "MobileNets: efficient convolutional neural networks for mobile vision applications", 2017). Names as timm's mobilenetv1_100;
/// weights that were trained with TensorFlow need padding: same and batch_norm_epsilon: 1.0e-3.
struct MobilenetV1Config : ImageModelConfig {
  static constexpr ImageLimits kImages{};

  double width = 1.0;
  std::string padding = "symmetric";
  double batch_norm_epsilon = 1e-5;
  double dropout = 0.0;
  void declare(config::Fields& fields);
};

/// [N, in_channels, H, W] -> logits [N, classes].
std::unique_ptr<nn::Module> make_mobilenet_v1(const MobilenetV1Config& config);

void register_mobilenet_v1(ModelTable& table);

}  // namespace tessera::recipes
