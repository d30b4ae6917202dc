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
#include "launcher/report/metrics_log.h"
#include "launcher/report/skipped_log.h"
#include "launcher/train/evaluation_log.h"

namespace tessera::launcher {

data::OnError on_error_of(const config::DataBlock& data);

/// What a model says of a whole split, in sample order; on every rank.
struct Predictions {
  Tensor outputs;  ///< f32 [samples, ...]
  Tensor targets;  ///< [samples, ...]
};

struct EvaluationOptions {
  bool keep_predictions = false;  ///< also gather outputs and targets
  /// Told the samples done of the split, as far as this rank can tell.
  std::function<void(int64_t)> progress;
  EvaluationLog* log = nullptr;  ///< what it holds is not done again, what is done goes there
  std::function<bool()> stop;    ///< asked before every chunk
};

/// Metrics of a split: fixed chunks of batch.micro_samples, each on one rank, so that every sample counts exactly once and the result is the
/// same on any number of ranks.
class Evaluator {
 public:
  Evaluator(const config::Recipe& recipe, std::shared_ptr<const data::Dataset> dataset, distributed::Runtime& runtime);

  struct Result {
    Metrics metrics;
    std::optional<Predictions> predictions;  ///< asked for, or needed for metrics of the split
    std::optional<ClassCounts> classes;  ///< of tasks that classify
    int64_t skipped_samples = 0;  ///< of all ranks
    bool stopped = false;         ///< any rank was; the rest holds nothing of use then
  };
  /// Collective.
  Result run(Task& task, const EvaluationOptions& options = {});

  /// What there is to report of an evaluation that was not stopped: the task's metrics, those of classes, and those of the whole split.
  NamedValues values(const Task& task, const Result& result) const;
  /// The names of values().
  std::vector<std::string> value_names(const Task& task) const;

  int64_t samples() const { return dataset_->samples(); }
  const data::Dataset& dataset() const { return *dataset_; }

 private:
  /// Sums over chunks: of this rank, and on rank 0 of what was done before.
  struct Sums {
    std::vector<int64_t> words;  // of the metrics
    std::optional<ClassCounts> classes;
    int64_t skipped_samples = 0, done_samples = 0;
    bool stopped = false;
    Predictions predictions;
  };
  /// Collective. Takes what the log holds into rank 0's sums; returns this rank's share of the chunks that are left.
  std::vector<int64_t> chunks_left(const EvaluationOptions& options, Sums& sums);
  void run_chunks(Task& task, const std::vector<int64_t>& chunks, const EvaluationOptions& options, Sums& sums);
  DoneChunk run_chunk(Task& task, const data::Batch& batch, bool keep_predictions);
  void add(const DoneChunk& done, Sums& sums) const;
  ClassCounts no_counts(int64_t classes) const { return ClassCounts(classes, classes <= matrix_classes_); }
  void sum_classes(std::optional<ClassCounts>& counts) const;

  distributed::Runtime& runtime_;
  std::shared_ptr<const data::Dataset> dataset_;
  int64_t chunk_samples_;
  int64_t matrix_classes_;  // the most of which pairs are counted
  int workers_, prefetch_;
  data::OnError on_error_;
  SkippedLog skipped_log_;
  uint64_t seed_;
  nn::Precision precision_;
};

}  // namespace tessera::launcher
