// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/config/fields.h"
#include "core/nn/module.h"
#include "recipes/model_table.h"

namespace tessera::recipes {

/// A multi-layer perceptron: linear layers 0, 1, ... with an activation and dropout between them. Names: layers.0, layers.1, ...
struct MlpConfig {
  int64_t inputs = 784;
  std::vector<int64_t> hidden = {512, 512};
  int64_t classes = 10;
  std::string activation = "relu";
  double dropout = 0.0;
  void declare(config::Fields& fields);
};

/// [N, ...] flattened to [N, inputs] -> logits [N, classes].
std::unique_ptr<nn::Module> make_mlp(const MlpConfig& config);

void register_mlp(ModelTable& table);

}  // namespace tessera::recipes
