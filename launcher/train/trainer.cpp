// SPDX-License-Identifier: Apache-2.0
#include "launcher/train/trainer.h"

#include <fmt/core.h>
#include <sys/resource.h>

#include <algorithm>

#include "core/base/flops.h"
#include "core/base/profiler.h"
#include "core/checkpoint/export.h"
#include "core/checkpoint/import.h"
#include "core/checkpoint/retention.h"
#include "core/config/hash.h"
#include "core/kernels/kernels.h"
#include "core/data/dealing.h"
#include "core/data/sampler.h"
#include "distributed/affinity.h"
#include "launcher/job/prepare.h"
#include "launcher/job/sampling.h"
#include "launcher/job/together.h"
#include "launcher/report/confusion_picture.h"
#include "launcher/report/summary.h"
#include "launcher/train/stop_signal.h"
#include "recipes/registry.h"

namespace tessera::launcher {
namespace {

using Clock = std::chrono::steady_clock;

/// The step of the last evaluation before a checkpoint: a stop puts off the one that was due, the resumed run makes up for it.
constexpr const char* kEvaluatedKey = "last_evaluation_step";
constexpr const char* kSkippedKey = "skipped_samples";
/// What reports call an evaluation of the weights as they are.
const std::string kEvaluation = "evaluation";

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

void warn(const std::string& text) { fmt::print(stderr, "tessera: warning: {}\n", text); }

data::BatchGeometry geometry_of(const config::Recipe& recipe) { return {recipe.batch.global_samples, recipe.batch.micro_samples}; }

int64_t peak_memory_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<int64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace

Trainer::Trainer(Job job, const config::KindRegistry& registry, const TrainOptions& options, distributed::Runtime& runtime)
    : job_(std::move(job)),
      runtime_(runtime),
      folder_(job_.recipe().run.out, runtime),
      checkpoints_(folder_.checkpoints(), static_cast<int>(job_.recipe().checkpoint.keep_last), runtime),
      best_(job_.recipe().checkpoint.keep_best) {
  if (options.profile) {
    const auto folder = options.profile->empty() ? folder_.path() / "profile" : std::filesystem::path(*options.profile);
    profile_ = std::make_unique<ProfileReport>(folder, options.profile_steps, runtime_);
  }
  together(runtime_, [&] { build(); });
  on_rank_0(runtime_, [&] { checkpoint::remove_leftovers(folder_.checkpoints()); });
  restore(options, registry);
  on_rank_0(runtime_, [&] { write_file_atomically(folder_.recipe(), job_.text, ErrorKind::runtime); });
}

void Trainer::build() {
  const config::Recipe& r = recipe();
  set_kernel_threads(static_cast<int>(r.run.threads));
  // Data sets read their files in the background while the model is built.
  train_data_ = recipes::open_dataset(r.data, "train", reading_progress(first(), "train"));
  evaluation_data_ = recipes::open_dataset(r.data, r.evaluate.split, reading_progress(first(), r.evaluate.split));
  for (const auto& dataset : {train_data_, evaluation_data_}) recipes::check_data_fits(r, *dataset);
  total_steps_ = r.train.steps ? *r.train.steps
                               : data::steps_of_epochs(static_cast<double>(*r.train.epochs), train_data_->samples(), r.batch.global_samples);
  if (total_steps_ == 0) {
    throw Error(ErrorKind::usage, fmt::format("{} samples are less than one batch of {}", train_data_->samples(), r.batch.global_samples),
                "batch.global_samples", "lower it or train more epochs");
  }
  sampler_ = make_sampler(r, train_data_);
  quanta_ = data::deal_quanta(r.sync.dealing == "strided" ? data::Dealing::strided : data::Dealing::contiguous, r.batch.quanta(),
                              runtime_.size(), runtime_.rank());
  learner_ = std::make_unique<Learner>(r, recipes::make_task(r), total_steps_, runtime_);
  evaluator_ = std::make_unique<Evaluator>(r, evaluation_data_, runtime_);
  best_.require_metric(evaluator_->value_names(learner_->task()));
  if (r.init.weights) {
    checkpoint::import_weights(learner_->weights(), *r.init.weights, r.init);
    learner_->restored();
  }
}

void Trainer::restore(const TrainOptions& options, const config::KindRegistry& registry) {
  std::optional<checkpoint::Checkpoint> found;
  if (options.resume == "none") {
    on_rank_0(runtime_, [&] { set_aside_checkpoints(); });
  } else if (options.resume == "auto") {
    std::vector<std::string> skipped;
    found = checkpoints_.newest_sound(skipped);
    if (first()) {
      for (const std::string& line : skipped) warn("skipped a checkpoint: " + line);
      if (!found && !skipped.empty()) warn("there is no sound checkpoint left: training starts from the beginning");
    }
  } else {
    found = checkpoints_.open(options.resume);
  }
  if (!found) return;
  together(runtime_, [&] {
    check_same_run(found->manifest, options, registry);
    checkpoint::read_into(*found, learner_->state());
  });
  learner_->restored();
  steps_done_ = last_saved_step_ = found->manifest.step;
  if (steps_done_ > total_steps_) {
    throw AgreedError(Error(ErrorKind::usage, fmt::format("the run is at step {} already, but train asks for {} steps", steps_done_, total_steps_),
                            found->path.string(), "train longer (train.epochs, train.steps), give another --out, or start anew with --resume none"));
  }
  earlier_wall_s_ = found->manifest.wall_s;
  const auto evaluated = found->manifest.state.find(kEvaluatedKey);
  if (evaluated != found->manifest.state.end()) last_evaluation_step_ = std::get<int64_t>(evaluated->second);
  best_.restore(found->manifest.state);
  const auto skipped = found->manifest.state.find(kSkippedKey);
  if (skipped != found->manifest.state.end()) skipped_samples_ = std::get<int64_t>(skipped->second);
  if (first()) fmt::print("resumed from {} (step {})\n", found->path.string(), steps_done_);
}

void Trainer::check_same_run(const checkpoint::Manifest& manifest, const TrainOptions& options, const config::KindRegistry& registry) const {
  const Job earlier = job_from_text(manifest.recipe, "the checkpoint's recipe", registry);
  config::require_same_mathematics(config::compare(earlier.resolved, job_.resolved), options.force);
  if (manifest.data_set != train_data_->fingerprint() && !options.force) {
    throw Error(ErrorKind::data, "the training data is not what the checkpoint was trained on", "data",
                "give the same data, start anew with --resume none, or accept it with --force");
  }
  if (first() && manifest.platform != platform_fingerprint()) {
    warn(fmt::format("the checkpoint was written on another platform, so bits may differ from a run that stayed there: '{}', now '{}'",
                     manifest.platform, platform_fingerprint()));
  }
}

/// A run that starts anew must not find the earlier one's checkpoints; they are kept under another name.
void Trainer::set_aside_checkpoints() const {
  if (!std::filesystem::exists(folder_.checkpoints())) return;
  for (int number = 1;; ++number) {
    const std::filesystem::path aside = folder_.path() / fmt::format("checkpoints.{}", number);
    if (std::filesystem::exists(aside)) continue;
    std::filesystem::rename(folder_.checkpoints(), aside);
    fmt::print("starting anew; earlier checkpoints were moved to {}\n", aside.string());
    return;
  }
}

bool Trainer::already_done() const {
  if (steps_done_ < total_steps_) return false;
  const auto summary = read_summary(folder_.summary());
  return summary && summary->status == "done" && summary->steps == steps_done_;
}

int Trainer::run() {
  bool done = false;
  on_rank_0(runtime_, [&] {
    done = already_done();
    if (done) fmt::print("nothing left to train in {}\n{}\n", folder_.path().string(), describe(*read_summary(folder_.summary())));
  });
  std::vector<int64_t> flag = {done ? 1 : 0};
  runtime_.world().broadcast(flag, 0, distributed::ReadyEvent::now(), "finished run").wait();
  if (flag[0] == 1) return kExitDone;

  const double samples = static_cast<double>(total_steps_ * recipe().batch.global_samples);
  reporter_ = std::make_unique<Reporter>(
      first(), ReportPlan{{folder_.metrics(), folder_.tensorboard()}, steps_done_, total_steps_, samples / static_cast<double>(train_data_->samples()),
                          recipe().train.log_every_steps, learner_->task().metric_names(), learner_->task().weight_unit(), recipe().run.peak_gflops});
  reporter_->recipe(job_.text);
  start_loader();
  if (profile_) profile_->begin();
  if (steps_done_ > 0 && evaluation_due() && last_evaluation_step_ != steps_done_) evaluate();
  while (steps_done_ < total_steps_) {
    const StepReport report = run_step();
    const bool stop = report.votes.stop > 0 && steps_done_ < total_steps_;
    const bool best = evaluation_due() && !stop && evaluate();
    if ((save_due(report) || stop || best) && steps_done_ < total_steps_) {
      if (!save() && stop) throw AgreedError(Error(ErrorKind::checkpoint, "stopped on request, but the checkpoint could not be saved", folder_.path().string(), "resume from the last sound one"));
    }
    if (stop) return finish("stopped", kExitStopped);
  }
  if (last_evaluation_step_ != steps_done_) evaluate();
  if (last_saved_step_ != steps_done_ && !save()) {
    throw AgreedError(Error(ErrorKind::checkpoint, "training is finished, but its last checkpoint could not be saved", folder_.path().string(),
                            "free some space and run the same command again: it resumes from the last sound one"));
  }
  return finish("done", kExitDone);
}

void Trainer::start_loader() {
  const config::Recipe& r = recipe();
  const auto seed = static_cast<uint64_t>(r.run.seed);
  loader_ = std::make_unique<data::Loader>(train_data_, sampler_, geometry_of(r), seed, on_error_of(r.data));
  loader_->start(steps_done_, total_steps_, [quanta = quanta_](int64_t) { return quanta; },
                 {static_cast<int>(r.data.workers), static_cast<int>(r.data.prefetch_quanta)});
}

StepReport Trainer::run_step() {
  const auto start = Clock::now();
  if (profile_) profile_->begin_step();
  const ProfileScope scope(Phase::none, "step");
  const double waited_before_s = loader_->waited_s(), flops_before = counted_flops;
  const int64_t step = steps_done_;
  runtime_.set_step(step);
  const auto source = [&](int64_t pass, size_t, int64_t quantum) {
    const ProfileScope waiting(Phase::data_wait, "next batch");
    data::Batch batch = pass == 0 ? loader_->next() : loader_->load(step, quantum);
    skipped_log_.add(batch.skipped);
    return batch;
  };
  const StepReport report = learner_->step(step, quanta_, source, votes());
  ++steps_done_;
  last_loss_ = report.metrics.mean(0);
  last_weight_ = report.weight;
  skipped_samples_ += report.skipped_samples;
  reporter_->step({steps_done_, epochs_done(), &report.metrics, report.learning_rate, report.gradient_norm, recipe().batch.global_samples,
                   report.weight, counted_flops - flops_before, seconds_since(start), loader_->waited_s() - waited_before_s, report.overlap.communicating_s, report.overlap.exposed_s,
                   report.passes, report.skipped_samples});
  return report;
}

Votes Trainer::votes() const {
  Votes votes;
  const bool out_of_time = first() && recipe().train.max_wall_s && seconds_since(started_) > *recipe().train.max_wall_s;
  votes.stop = stop_requested() || out_of_time;
  votes.save = first() && recipe().checkpoint.every_s && seconds_since(last_save_) > *recipe().checkpoint.every_s;
  return votes;
}

double Trainer::epochs_done() const { return static_cast<double>(samples_seen()) / static_cast<double>(train_data_->samples()); }

bool Trainer::evaluation_due() const {
  const config::EvaluateConfig& e = recipe().evaluate;
  if (e.every_steps && steps_done_ % *e.every_steps == 0) return true;
  if (!e.every_epochs) return false;
  const int64_t samples = train_data_->samples() * *e.every_epochs;
  return samples_seen() / samples > (samples_seen() - recipe().batch.global_samples) / samples;
}

bool Trainer::save_due(const StepReport& report) const {
  const auto& every = recipe().checkpoint.every_steps;
  return (every && steps_done_ % *every == 0) || report.votes.save > 0;
}

bool Trainer::evaluate() {
  const ProfileScope scope(Phase::evaluation, "evaluation");
  learner_->make_whole();
  last_evaluation_ = evaluate_as(kEvaluation);
  if (learner_->has_average() && recipe().evaluate.average) {
    learner_->with_average([&] { last_average_evaluation_ = evaluate_as("evaluation_ema"); });
  }
  last_evaluation_step_ = steps_done_;
  if (first() && reports_model_) report_model();
  return best_.improves(steps_done_, last_evaluation_);
}

NamedValues Trainer::evaluate_as(const std::string& kind) {
  const Evaluator::Result result = evaluator_->run(learner_->task());
  NamedValues values = evaluator_->values(learner_->task(), result);
  if (result.classes && first()) report_classes(kind, *result.classes);
  if (result.skipped_samples > 0) values.emplace_back("skipped_samples", static_cast<double>(result.skipped_samples));
  reporter_->evaluation(kind, steps_done_, recipe().evaluate.split, values);
  return values;
}

/// Nothing that is only looked at ends a training.
void Trainer::report_classes(const std::string& kind, const ClassCounts& counts) {
  const auto failed = error_of([&] {
    const ClassReport report = make_class_report(counts, *evaluation_data_);
    if (kind == kEvaluation) last_classes_ = report;
    if (!counts.has_matrix()) return;
    const Picture picture = draw_confusion(report, fmt::format("{} of {}, step {}: {} samples, accuracy {:.2f} %", kind, recipe().evaluate.split, steps_done_,
                                                               counts.samples(), 100.0 * counts.accuracy()));
    reporter_->events().image(kind + "/confusion", steps_done_, picture);
    write_file_atomically(kind == kEvaluation ? folder_.confusion() : folder_.average_confusion(), png_of(picture), ErrorKind::runtime);
  });
  if (failed) warn(fmt::format("the confusion matrix was not written: {}", failed->what()));
}

void Trainer::report_model() {
  runtime_.set_phase("report");
  const auto failed = error_of([&] {
    if (!model_report_) model_report_ = std::make_unique<ModelReport>(recipe(), evaluation_data_);
    model_report_->write(reporter_->events(), steps_done_, learner_->task(), learner_->parameters(), last_weight_);
  });
  if (!failed) return;
  warn(fmt::format("TensorBoard shows no more samples and histograms: {}", failed->what()));
  reports_model_ = false;
}

bool Trainer::save() {
  runtime_.set_phase("checkpoint");
  const ProfileScope scope(Phase::checkpoint, "checkpoint");
  learner_->make_whole();
  const auto failed = checkpoints_.save(make_manifest(), learner_->state(), best_.step());
  last_save_ = Clock::now();
  if (failed && first()) warn(fmt::format("the checkpoint of step {} was not saved, the last sound one stays: {}", steps_done_, failed->what()));
  if (!failed) last_saved_step_ = steps_done_;
  return !failed;
}

checkpoint::Manifest Trainer::make_manifest() const {
  checkpoint::Manifest manifest;
  manifest.step = steps_done_;
  manifest.samples_seen = samples_seen();
  manifest.samples_per_epoch = train_data_->samples();
  manifest.recipe = job_.text;
  manifest.recipe_hash = job_.hash;
  manifest.platform = platform_fingerprint();
  manifest.data_set = train_data_->fingerprint();
  manifest.seed = static_cast<uint64_t>(recipe().run.seed);
  manifest.world_size = static_cast<uint32_t>(runtime_.size());
  manifest.saved_at_s = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  manifest.wall_s = wall_s();
  manifest.state[kEvaluatedKey] = last_evaluation_step_;
  manifest.state[kSkippedKey] = skipped_samples_;
  best_.save(manifest.state);
  return manifest;
}

double Trainer::wall_s() const { return earlier_wall_s_ + seconds_since(started_); }

int Trainer::finish(const std::string& status, int exit_status) {
  std::vector<int64_t> peak = {peak_memory_bytes()};
  runtime_.world().all_reduce(peak, peak, distributed::ReduceOp::max, distributed::ReadyEvent::now(), "peak memory").wait();
  on_rank_0(runtime_, [&] {
    Summary summary;
    summary.status = status;
    summary.steps = steps_done_;
    summary.samples_seen = samples_seen();
    summary.epochs = epochs_done();
    summary.ranks = runtime_.size();
    summary.parameters = learner_->parameters().parameter_elements();
    summary.weights_sha256 = checkpoint::weights_sha256(learner_->weights());
    summary.train_loss = last_loss_;
    summary.evaluation = last_evaluation_;
    summary.classes = last_classes_;
    summary.best = best_.text();
    summary.evaluation_ema = last_average_evaluation_;
    summary.speed = reporter_->speed_of(reporter_->pace());
    summary.step_ms_median = reporter_->step_ms_median();
    summary.data_wait_share = reporter_->pace().data_wait_share();
    summary.skipped_samples = skipped_samples_;
    summary.wall_s = wall_s();
    summary.peak_memory_bytes = peak[0];
    write_summary(folder_.summary(), summary);
    reporter_->say(describe(summary));
    reporter_->say("  memory of rank 0: " + describe_memory());
  });
  if (profile_) profile_->finish([&](const std::string& line) { reporter_->say(line); });
  return exit_status;
}

}  // namespace tessera::launcher
