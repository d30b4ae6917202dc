// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/config/recipe.h"
#include "core/data/dataset.h"
#include "core/task/class_counts.h"
#include "core/task/task.h"
#include "distributed/runtime.h"
#include "launcher/report/skipped_log.h"

namespace tessera::launcher {

data::OnError on_error_of(const config::DataBlock& data);

/// What a model says of a whole split, in sample order; on every rank.
struct Predictions {
  Tensor outputs;  ///< f32 [samples, ...]
  Tensor targets;  ///< [samples, ...]
};

/// Metrics of a split: fixed chunks of batch.micro_samples, each on one rank, so that every sample counts exactly once and the result is the
/// same on any number of ranks.
class Evaluator {
 public:
  Evaluator(const config::Recipe& recipe, std::shared_ptr<const data::Dataset> dataset, distributed::Runtime& runtime);

  /// Collective. `keep_predictions`: also gather outputs and targets. `progress` is told samples done by this rank and in all.
  struct Result {
    Metrics metrics;
    std::optional<Predictions> predictions;
    std::optional<ClassCounts> classes;  ///< of tasks that classify
    int64_t skipped_samples = 0;  ///< of all ranks
  };
  Result run(Task& task, bool keep_predictions = false, const std::function<void(int64_t, int64_t)>& progress = {});

  int64_t samples() const { return dataset_->samples(); }
  const data::Dataset& dataset() const { return *dataset_; }

 private:
  void count_classes(const Tensor& scores, const Tensor& targets, std::optional<ClassCounts>& counts) const;
  void sum_classes(std::optional<ClassCounts>& counts) const;

  distributed::Runtime& runtime_;
  std::shared_ptr<const data::Dataset> dataset_;
  int64_t chunk_samples_;
  int64_t matrix_classes_;  // the most of which pairs are counted
  int workers_, prefetch_;
  data::OnError on_error_;
  SkippedLog skipped_log_;
  uint64_t seed_;
};

}  // namespace tessera::launcher
