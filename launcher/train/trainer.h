// SPDX-License-Identifier: Apache-2.0
// The training loop: data, steps, evaluation, checkpoints, reports, and when to stop.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/data/loader.h"
#include "launcher/job/job.h"
#include "launcher/report/class_report.h"
#include "launcher/report/model_report.h"
#include "launcher/report/profile.h"
#include "launcher/report/reporter.h"
#include "launcher/report/skipped_log.h"
#include "launcher/train/best_evaluation.h"
#include "launcher/train/checkpoints.h"
#include "launcher/train/evaluator.h"
#include "launcher/train/learner.h"
#include "launcher/train/run_folder.h"

namespace tessera::launcher {

struct TrainOptions {
  std::string resume = "auto";  ///< auto, none, or a checkpoint folder
  bool force = false;           ///< accept a changed recipe or data set on resume
  std::optional<std::string> profile;  ///< folder for a profile; empty: RUN/profile; none: no profile
  int64_t profile_steps = 20;          ///< that the trace covers
};

class Trainer {
 public:
  /// Collective. Opens the run folder and the data, builds the model, restores the newest checkpoint. Throws AgreedError.
  Trainer(Job job, const config::KindRegistry& registry, const TrainOptions& options, distributed::Runtime& runtime);

  /// Collective. Trains to the end or until asked to stop; returns the exit status.
  int run();

 private:
  void build();
  void restore(const TrainOptions& options, const config::KindRegistry& registry);
  void check_same_run(const checkpoint::Manifest& manifest, const TrainOptions& options, const config::KindRegistry& registry) const;
  void set_aside_checkpoints() const;

  bool already_done() const;
  void start_loader();
  StepReport run_step();
  Votes votes() const;
  /// Whether it was the best so far, where that is watched.
  bool evaluate();
  /// Of the weights as they stand, reported as `kind`.
  NamedValues evaluate_as(const std::string& kind);
  void report_classes(const std::string& kind, const ClassCounts& counts);
  void report_model();
  bool evaluation_due() const;
  bool save_due(const StepReport& report) const;
  bool save();
  int finish(const std::string& status, int exit_status);
  checkpoint::Manifest make_manifest() const;
  double wall_s() const;
  int64_t samples_seen() const { return steps_done_ * recipe().batch.global_samples; }
  double epochs_done() const;

  const config::Recipe& recipe() const { return job_.recipe(); }
  bool first() const { return runtime_.rank() == 0; }

  Job job_;
  distributed::Runtime& runtime_;
  RunFolder folder_;
  std::shared_ptr<const data::Dataset> train_data_, evaluation_data_;
  std::shared_ptr<const data::Sampler> sampler_;
  std::vector<int64_t> quanta_;  // of this rank, in every step
  int64_t total_steps_ = 0, steps_done_ = 0;
  std::unique_ptr<Learner> learner_;
  std::unique_ptr<data::Loader> loader_;
  std::unique_ptr<Evaluator> evaluator_;
  RunCheckpoints checkpoints_;
  std::unique_ptr<Reporter> reporter_;
  std::unique_ptr<ProfileReport> profile_;
  std::unique_ptr<ModelReport> model_report_;  // rank 0
  bool reports_model_ = true;                  // until it fails

  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now(), last_save_ = started_;
  double earlier_wall_s_ = 0.0;
  int64_t skipped_samples_ = 0;  // in training, also before a resume
  SkippedLog skipped_log_;
  double last_loss_ = 0.0;
  double last_weight_ = 0.0;  // of the last step: what its gradients' sum is divided by
  NamedValues last_evaluation_, last_average_evaluation_;
  std::optional<ClassReport> last_classes_;  // rank 0
  int64_t last_evaluation_step_ = -1, last_saved_step_ = -1;
  BestEvaluation best_;
};

}  // namespace tessera::launcher
