// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
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

/// What one step has to say.
struct StepLine {
  int64_t step;  ///< done, counted from 1
  double epochs;
  const Metrics* metrics;
  double learning_rate, gradient_norm;
  int64_t samples;
  double step_s, data_wait_s, communicating_s, exposed_s;
  int passes;
  int64_t skipped_samples;
};

/// Progress line, metrics.jsonl and TensorBoard of a training run. Silent unless enabled (rank 0).
class Reporter {
 public:
  Reporter(bool enabled, const ReportPaths& paths, int64_t resumed_step, int64_t total_steps, double total_epochs, int64_t log_every_steps,
           std::vector<std::string> metric_names);

  void recipe(const std::string& text);
  void step(const StepLine& line);
  /// `kind` is "evaluation", or "evaluation_ema" for the moving average of the weights.
  void evaluation(const std::string& kind, int64_t step, const std::string& split, const NamedValues& values);
  /// For what else TensorBoard shows; only where the reporter is enabled.
  EventWriter& events() { return *events_; }
  /// A line that stays on the screen.
  void say(const std::string& text) { progress_.line(text); }

  double samples_per_s() const;
  double step_ms_median() const;
  /// Share of the steps' time that this rank waited for batches.
  double data_wait_share() const;

 private:
  /// Means since the last logged step.
  struct Window {
    int64_t steps = 0, samples = 0, skipped_samples = 0;
    double seconds = 0.0, data_wait_s = 0.0, communicating_s = 0.0, exposed_s = 0.0;
  };

  void show(const StepLine& line);
  void log(const StepLine& line);

  bool enabled_;
  int64_t total_steps_, log_every_steps_;
  double total_epochs_;
  std::vector<std::string> metric_names_;
  Progress progress_;
  std::unique_ptr<MetricsLog> metrics_log_;
  std::unique_ptr<EventWriter> events_;
  Window window_;
  std::vector<float> step_ms_;
  int64_t samples_ = 0;
  double seconds_ = 0.0, data_wait_s_ = 0.0;
};

}  // namespace tessera::launcher
