// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recipes/vision/image_model.h"

namespace tessera::recipes {

/// AlexNet as torchvision has it: one tower (Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014). Names and start are
/// torchvision's.
struct AlexnetConfig : ImageModelConfig {
  static constexpr ImageLimits kImages{.smallest = 63};

  double dropout = 0.5;
  bool response_norm = false;
  void declare(config::Fields& fields);
};

/// [N, in_channels, H, W] -> logits [N, classes].
std::unique_ptr<nn::Module> make_alexnet(const AlexnetConfig& config);

void register_alexnet(ModelTable& table);

}  // namespace tessera::recipes
