// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "core/config/fields.h"
#include "core/nn/module.h"
#include "recipes/model_table.h"

namespace tessera::recipes {

/// Residual networks for small images (He, Zhang, Ren, Sun, "Deep residual learning for image recognition", CVPR 2016, section 4.2): 6n + 2 layers,
/// three stages of n blocks with width, 2 width, 4 width channels. Names: conv1, bn1, layer1.0.conv1, ..., linear.
struct CifarResnetConfig {
  int64_t depth = 20;
  int64_t classes = 10;
  int64_t width = 16;
  int64_t in_channels = 3;
  std::string shortcut = "A";
  void declare(config::Fields& fields);
};

/// [N, in_channels, H, W] -> logits [N, classes].
std::unique_ptr<nn::Module> make_cifar_resnet(const CifarResnetConfig& config);

void register_cifar_resnet(ModelTable& table);

}  // namespace tessera::recipes
