// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "core/config/fields.h"
#include "core/nn/module.h"
#include "recipes/model_table.h"

namespace tessera::recipes {

/// LeNet-5 (LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", Proc. IEEE 1998), with a plain softmax
/// output and full connections between the feature maps, as it is commonly built today. Names: conv1, conv2, fc1, fc2, fc3.
struct LeNet5Config {
  int64_t classes = 10;
  int64_t in_channels = 1;
  int64_t image_size = 28;
  int64_t padding = 2;
  std::string activation = "tanh";
  std::string pooling = "average";
  double dropout = 0.0;
  void declare(config::Fields& fields);
};

/// [N, in_channels, image_size, image_size] -> logits [N, classes].
std::unique_ptr<nn::Module> make_lenet5(const LeNet5Config& config);

void register_lenet5(ModelTable& table);

}  // namespace tessera::recipes
