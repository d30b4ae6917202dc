// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/checkpoint/manifest.h"
#include "launcher/report/metrics_log.h"

namespace tessera::launcher {

/// The best of a run's evaluations by one metric (`checkpoint.keep_best`), whose checkpoint is kept. Loss and perplexity are best when small, everything else when large;
/// of equals the first, and never NaN.
class BestEvaluation {
 public:
  /// Nothing: no metric is watched.
  explicit BestEvaluation(std::optional<std::string> metric) : metric_(std::move(metric)) {}

  /// Throws Error(usage) where the metric is none of `names`.
  void require_metric(const std::vector<std::string>& names) const;
  /// Whether this one is better than all before.
  bool improves(int64_t step, const NamedValues& values);
  /// The step of the best; nothing: none so far.
  std::optional<int64_t> step() const { return step_; }

  /// "accuracy 0.931 after step 500"; empty: none so far.
  std::string text() const;

  // As a part of what checkpoints keep.
  using State = decltype(checkpoint::Manifest::state);
  void save(State& state) const;
  void restore(const State& state);

 private:
  std::optional<std::string> metric_;
  std::optional<int64_t> step_;
  double value_ = 0.0;
};

}  // namespace tessera::launcher
