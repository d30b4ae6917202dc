// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recipes/vision/image_model.h"

namespace tessera::recipes {

/// DenseNet-BC (Huang, Liu, van der Maaten, Weinberger, "Densely connected convolutional networks", CVPR 2017). Names and start as torchvision's.
struct DensenetConfig : ImageModelConfig {
  static constexpr ImageLimits kImages{.smallest = 29};

  int64_t depth = 121;
  double dropout = 0.0;
  void declare(config::Fields& fields);
};

/// [N, in_channels, H, W] -> logits [N, classes].
std::unique_ptr<nn::Module> make_densenet(const DensenetConfig& config);

void register_densenet(ModelTable& table);

}  // namespace tessera::recipes
