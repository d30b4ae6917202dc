// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recipes/vision/image_model.h"

namespace tessera::recipes {

/// HRNet for classification (Wang et al., "Deep high-resolution representation learning for visual recognition", TPAMI 2020): up to four branches of halved
/// resolution and doubled width that exchange features. Names and start as timm's hrnet_w18.
struct HrnetConfig : ImageModelConfig {
  static constexpr ImageLimits kImages{.smallest = 32, .multiple = 32};

  int64_t width = 18;
  double dropout = 0.0;
  void declare(config::Fields& fields);
};

/// [N, in_channels, H, W] -> logits [N, classes].
std::unique_ptr<nn::Module> make_hrnet(const HrnetConfig& config);

void register_hrnet(ModelTable& table);

}  // namespace tessera::recipes
