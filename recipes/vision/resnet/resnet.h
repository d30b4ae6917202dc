// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recipes/vision/image_model.h"

namespace tessera::recipes {

/// Residual networks for large images (He, Zhang, Ren, Sun, "Deep residual learning for image recognition", CVPR 2016), the stride in the bottleneck's 3x3
/// convolution; with groups ResNeXt (Xie 2017): 50 layers 32x4d are {depth: 50, groups: 32, width_per_group: 4}. Names and start as torchvision's.
struct ResnetConfig : ImageModelConfig {
  static constexpr ImageLimits kImages{};

  int64_t depth = 50;
  int64_t groups = 1;
  int64_t width_per_group = 64;
  bool zero_init_residual = false;
  void declare(config::Fields& fields);
};

/// [N, in_channels, H, W] -> logits [N, classes].
std::unique_ptr<nn::Module> make_resnet(const ResnetConfig& config);

void register_resnet(ModelTable& table);

}  // namespace tessera::recipes
