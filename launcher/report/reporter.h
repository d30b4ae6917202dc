// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/task/metrics.h"
#include "launcher/report/metrics_log.h"
#include "launcher/report/progress.h"
#include "launcher/tensorboard/event_writer.h"

namespace tessera::launcher {

/// Where the reports of a run go.
struct ReportPaths {
  std::filesystem::path metrics, tensorboard;
};

/// What a run's reports need to know of it.
struct ReportPlan {
  ReportPaths paths;
  int64_t resumed_step, total_steps;
  double total_epochs;
  int64_t log_every_steps;
  std::vector<std::string> metric_names;
  std::string weight_unit;            ///< Task::weight_unit
  std::optional<double> peak_gflops;  ///< of this rank; nothing: no utilisation is reported
};

/// What one step has to say.
struct StepLine {
  int64_t step;  ///< done, counted from 1
  double epochs;
  const Metrics* metrics;
  double learning_rate, gradient_norm;
  int64_t samples;
  double weight;  ///< of all quanta, in the plan's unit
  double flops;   ///< of this rank (core/base/flops.h)
  double step_s, data_wait_s, communicating_s, exposed_s;
  int passes;
  int64_t skipped_samples;
};

/// Sums over steps.
struct Pace {
  int64_t steps = 0, samples = 0, skipped_samples = 0;
  double weight = 0.0, flops = 0.0, seconds = 0.0, data_wait_s = 0.0, communicating_s = 0.0, exposed_s = 0.0;

  void add(const StepLine& line);
  double samples_per_s() const { return seconds > 0.0 ? static_cast<double>(samples) / seconds : 0.0; }
  /// Share of the steps' time that this rank waited for batches.
  double data_wait_share() const { return seconds > 0.0 ? data_wait_s / seconds : 0.0; }
};

/// Progress line, metrics.jsonl and TensorBoard of a training run. Silent unless enabled (rank 0).
class Reporter {
 public:
  Reporter(bool enabled, ReportPlan plan);

  void recipe(const std::string& text);
  void step(const StepLine& line);
  /// `kind` is "evaluation", or "evaluation_ema" for the moving average of the weights.
  void evaluation(const std::string& kind, int64_t step, const std::string& split, const NamedValues& values);
  /// For what else TensorBoard shows; only where the reporter is enabled.
  EventWriter& events() { return *events_; }
  /// A line that stays on the screen.
  void say(const std::string& text) { progress_.line(text); }

  /// Of all steps so far.
  const Pace& pace() const { return total_; }
  /// How fast the run goes, by the names of metrics: samples_per_s, <unit>_per_s where the unit is another, mfu.
  NamedValues speed_of(const Pace& pace) const;
  double step_ms_median() const;

 private:
  void show(const StepLine& line);
  void log(const StepLine& line);

  bool enabled_;
  ReportPlan plan_;
  Progress progress_;
  std::unique_ptr<MetricsLog> metrics_log_;
  std::unique_ptr<EventWriter> events_;
  Pace window_, total_;  // since the last logged step; of this run
  std::vector<float> step_ms_;
};

}  // namespace tessera::launcher
