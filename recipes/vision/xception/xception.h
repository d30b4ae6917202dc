// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recipes/vision/image_model.h"

namespace tessera::recipes {

/// Xception (Chollet, "Xception: deep learning with depthwise separable convolutions", CVPR 2017). Names and start as timm's legacy_xception.
struct XceptionConfig : ImageModelConfig {
  static constexpr ImageLimits kImages{.smallest = 7};

  double dropout = 0.0;
  void declare(config::Fields& fields);
};

/// [N, in_channels, H, W] -> logits [N, classes]; images of 299 pixels in the paper.
std::unique_ptr<nn::Module> make_xception(const XceptionConfig& config);

void register_xception(ModelTable& table);

}  // namespace tessera::recipes
