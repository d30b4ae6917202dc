// SPDX-License-Identifier: Apache-2.0
// Shared by the config tests and the recipe fuzzer: a registry of small kinds, a recipe that resolves.
#pragma once

#include <string>
#include <vector>

#include "core/config/kinds.h"
#include "core/config/load.h"
#include "core/config/resolve.h"
#include "core/config/yaml.h"

namespace tessera::config {

struct LenetConfig {
  int64_t classes = 10;
  double dropout = 0;
  std::vector<int64_t> sizes{32, 64};
  void declare(Fields& fields) {
    fields.add("classes", classes, {.doc = "outputs", .minimum = 1, .required = true});
    fields.add("dropout", dropout, {.doc = "share of activations set to zero", .minimum = 0, .below = 1});
    fields.add("sizes", sizes, {.doc = "widths", .minimum = 1});
  }
};

struct IdxConfig {
  std::string root = "data";
  std::string split = "train";
  void declare(Fields& fields) {
    fields.add("root", root, {.doc = "folder", .effect = Effect::free});
    fields.add("split", split, {.doc = "part", .choices = {"train", "test"}});
  }
};

struct SgdConfig {
  double momentum = 0;
  void declare(Fields& fields) {
    fields.add("momentum", momentum, {.doc = "share of the last update", .minimum = 0, .below = 1});
  }
};

struct AdamWConfig {
  std::vector<double> betas{0.9, 0.999};
  void declare(Fields& fields) {
    fields.add("betas", betas, {.doc = "decay of the moments", .minimum = 0, .below = 1});
  }
};

struct NoKeys {
  void declare(Fields&) {}
};

struct CosineConfig {
  int64_t warmup_steps = 0;
  void declare(Fields& fields) { fields.add("warmup_steps", warmup_steps, {.doc = "linear rise", .unit = "steps", .minimum = 0}); }
};

inline KindRegistry small_registry() {
  KindRegistry registry;
  registry.add<LenetConfig>("model", "lenet5", "a small convolutional network");
  registry.add<NoKeys>("model", "linear", "one layer");
  registry.add<NoKeys>("task", "classification", "cross-entropy");
  registry.add<IdxConfig>("data", "idx", "the format of MNIST");
  registry.add<NoKeys>("data", "synthetic", "random numbers");
  registry.add<SgdConfig>("optimizer", "sgd", "stochastic gradient descent");
  registry.add<AdamWConfig>("optimizer", "adamw", "Adam with decoupled weight decay");
  registry.add<NoKeys>("schedule", "constant", "no change");
  registry.add<CosineConfig>("schedule", "cosine", "half a cosine");
  return registry;
}

inline const char* const kSmallRecipe = R"(schema: 1
run: {name: small, seed: 7}
model: {kind: lenet5, classes: 10}
data: {kind: idx, root: /data}
batch:
  global_samples: 64
  micro_samples: 16
train: {epochs: 5}
optimizer: {kind: sgd, learning_rate: 0.1, momentum: 0.9, clip_norm: 1.0}
schedule: {kind: cosine, warmup_steps: 100}
)";

/// kSmallRecipe with these keys instead.
inline Resolved resolve_with(std::vector<std::string> overrides = {}) {
  const KindRegistry registry = small_registry();
  return resolve(apply_overrides(parse_yaml(kSmallRecipe, "x.yaml"), overrides, registry), registry);
}

}  // namespace tessera::config
