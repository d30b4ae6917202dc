// SPDX-License-Identifier: Apache-2.0
// The residual blocks of torchvision's ResNet, which timm's HRNet has, too.
#pragma once

#include <memory>

#include "core/nn/module.h"

namespace tessera::recipes {

struct ResidualBlockOptions {
  int64_t in_channels = 64;
  int64_t planes = 64;  ///< channels inside; the bottleneck's output has four times as many
  int64_t stride = 1;
  int64_t groups = 1;            ///< of the bottleneck's 3x3 convolution
  int64_t width_per_group = 64;  ///< its width is planes * width_per_group / 64 * groups
  bool zero_init = false;        ///< the last batch norm's scale starts at 0
};

inline constexpr int64_t kBottleneckExpansion = 4;

/// Two 3x3 convolutions; names conv1, bn1, conv2, bn2, and downsample.0, downsample.1 where the shape changes (He, Zhang, Ren, Sun, CVPR 2016).
std::unique_ptr<nn::Module> basic_block(const ResidualBlockOptions& options);

/// 1x1, 3x3 with the stride, 1x1; names conv1 .. bn3 and downsample. With groups as in ResNeXt (Xie, Girshick, Dollar, Tu, He, CVPR 2017).
std::unique_ptr<nn::Module> bottleneck(const ResidualBlockOptions& options);

}  // namespace tessera::recipes
