// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recipes/vision/image_model.h"

namespace tessera::recipes {

/// VGG, configurations A, B, D and E (Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015), with batch norm
/// behind the convolutions where asked. Names and start as torchvision's.
struct VggConfig : ImageModelConfig {
  static constexpr ImageLimits kImages{.smallest = 32};

  int64_t depth = 16;
  bool batch_norm = false;
  double dropout = 0.5;
  void declare(config::Fields& fields);
};

/// [N, in_channels, H, W] -> logits [N, classes].
std::unique_ptr<nn::Module> make_vgg(const VggConfig& config);

void register_vgg(ModelTable& table);

}  // namespace tessera::recipes
