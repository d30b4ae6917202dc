// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recipes/vision/image_model.h"

namespace tessera::recipes {

/// SqueezeNet 1.0 and 1.1 (Iandola, Han, Moskewicz, Ashraf, Dally, Keutzer, "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", 2016). Names and
/// start as torchvision's.
struct SqueezenetConfig : ImageModelConfig {
  static constexpr ImageLimits kImages{.smallest = 21};

  std::string version = "1.1";
  double dropout = 0.5;
  void declare(config::Fields& fields);
};

/// [N, in_channels, H, W] -> logits [N, classes].
std::unique_ptr<nn::Module> make_squeezenet(const SqueezenetConfig& config);

void register_squeezenet(ModelTable& table);

}  // namespace tessera::recipes
