// SPDX-License-Identifier: Apache-2.0
// The blocks of a recipe. Field names are the keys; their documentation, units, bounds and effects stand in recipe.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/config/fields.h"
#include "core/config/kinds.h"
#include "core/config/node.h"
#include "core/config/scalar.h"

namespace tessera::config {

struct RunConfig {
  std::string name = "unnamed";
  int64_t seed = 1;
  int64_t threads = 1;  ///< of kernels, a rank
  std::string out;      ///< resolve() fills in runs/NAME when it is not given
  std::optional<double> peak_gflops;
  bool rotate_cores = true;
  void declare(Fields& fields);
};

/// A step of the way from the names of a weights file to the model's (core/config/rename.h).
struct RenameRule {
  std::string pattern;
  std::string replacement;
  Origin origin{"init.rename", 0};  ///< of the pattern; resolve() fills it in
  void declare(Fields& fields);
};

struct InitConfig {
  std::optional<std::string> weights{};
  bool strict = true;
  std::vector<RenameRule> rename{};
  std::vector<std::string> skip{};  ///< patterns of names, as RenameRule's (core/config/rename.h)
  Origin skip_origin{"init.skip", 0};  ///< resolve() fills it in
  void declare(Fields& fields);
};

struct DataBlock : KindBlock {
  int64_t workers = 1;
  int64_t prefetch_quanta = 4;
  std::string on_error = "stop";
  bool balanced = false;
  int64_t bucket_quanta = 0;
  void declare(Fields& fields);
};

struct BatchConfig {
  int64_t global_samples = 0;
  int64_t micro_samples = 0;
  /// Quanta a step.
  int64_t quanta() const { return global_samples / micro_samples; }
  void declare(Fields& fields);
};

/// Exactly one of epochs and steps is there.
struct TrainConfig {
  std::optional<int64_t> epochs;
  std::optional<int64_t> steps;
  std::optional<double> max_wall_s;
  int64_t log_every_steps = 10;
  void declare(Fields& fields);
};

/// Settings of the parameters whose names match.
struct ParameterGroup {
  std::string match;
  std::optional<double> weight_decay;
  double learning_rate_factor = 1.0;
  bool frozen = false;
  bool fixed_statistics = false;
  Origin origin{"optimizer.groups", 0};  ///< of the pattern; resolve() fills it in
  void declare(Fields& fields);
};

struct OptimizerBlock : KindBlock {
  double learning_rate = 0;
  std::optional<double> clip_norm;
  std::vector<ParameterGroup> groups;
  bool no_decay_on_norms_and_biases = false;
  void declare(Fields& fields);
};

struct EmaConfig {
  std::optional<double> decay;
  void declare(Fields& fields);
};

struct PrecisionConfig {
  std::string compute = "f32";
  void declare(Fields& fields);
};

struct MemoryConfig {
  std::string recompute = "none";
  bool cuda_graph = false;
  void declare(Fields& fields);
};

/// Ranks along each axis; -1: the rest.
struct MeshConfig {
  int64_t data = -1;
  int64_t shard = 1;
  int64_t pipeline = 1;
  int64_t context = 1;
  int64_t tensor = 1;
  int64_t expert = 1;
  void declare(Fields& fields);
};

struct SyncConfig {
  std::string reduction = "exact";
  Bytes bucket_bytes{25 << 20};
  std::string dealing = "contiguous";
  void declare(Fields& fields);
};

struct CheckpointConfig {
  std::optional<int64_t> every_steps;
  std::optional<double> every_s = 600;
  int64_t keep_last = 3;
  std::optional<std::string> keep_best;
  void declare(Fields& fields);
};

struct EvaluateConfig {
  std::optional<int64_t> every_epochs;
  std::optional<int64_t> every_steps;
  std::string split = "test";
  bool average = true;
  int64_t sample_images = 16;
  bool histograms = true;
  int64_t confusion_classes = 64;
  void declare(Fields& fields);
};

struct Recipe {
  int64_t schema = 1;
  RunConfig run;
  KindBlock model;
  KindBlock task{"classification"};
  InitConfig init;
  DataBlock data;
  BatchConfig batch;
  TrainConfig train;
  OptimizerBlock optimizer;
  KindBlock schedule{"constant"};
  EmaConfig ema;
  std::string device = "cpu";
  PrecisionConfig precision;
  MemoryConfig memory;
  MeshConfig mesh;
  SyncConfig sync;
  CheckpointConfig checkpoint;
  EvaluateConfig evaluate;
  void declare(Fields& fields);
};

/// A block with kinds, as the recipe declares it.
struct KindBlockInfo {
  std::string name;
  std::string default_kind;              ///< empty: `kind` is required
  std::vector<std::string> common_keys;  ///< of every kind, `kind` itself not among them
};

/// model, task, data, optimizer, schedule.
std::vector<KindBlockInfo> kind_blocks();

}  // namespace tessera::config
