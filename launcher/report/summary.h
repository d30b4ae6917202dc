// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "launcher/report/class_report.h"
#include "launcher/report/metrics_log.h"

namespace tessera::launcher {

/// What summary.json holds; names are part of what other programs rely on.
struct Summary {
  std::string status;  ///< "done" or "stopped"
  int64_t steps = 0;
  int64_t samples_seen = 0;
  double epochs = 0.0;
  int64_t ranks = 1;
  int64_t parameters = 0;
  std::string weights_sha256;
  double train_loss = 0.0;
  NamedValues evaluation;
  std::optional<ClassReport> classes;  ///< of the evaluation; written only, where there is a matrix
  std::string best;            ///< BestEvaluation::text; empty: not watched
  NamedValues evaluation_ema;  ///< of the moving average of the weights; left out where there is none
  NamedValues speed;  ///< Reporter::speed_of
  double step_ms_median = 0.0;
  double data_wait_share = 0.0;  ///< of the steps' time, on rank 0
  int64_t skipped_samples = 0;   ///< that could not be read, in training
  double wall_s = 0.0;
  int64_t peak_memory_bytes = 0;  ///< of the largest rank
};

void write_summary(const std::filesystem::path& path, const Summary& summary);
/// Nothing where there is none, or it cannot be read.
std::optional<Summary> read_summary(const std::filesystem::path& path);
/// The few lines that end a run.
std::string describe(const Summary& summary);
/// "parameters 0.2 MiB, gradients 0.7 MiB, ...": the most that this process held of each category at a time.
std::string describe_memory();

}  // namespace tessera::launcher
