// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <array>
#include <chrono>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/format/safetensors_writer.h"
#include "core/kernels/kernels.h"
#include "launcher/commands/commands.h"
#include "launcher/commands/evaluated.h"
#include "launcher/job/prepare.h"
#include "launcher/job/together.h"
#include "launcher/report/confusion_picture.h"
#include "launcher/report/progress.h"
#include "launcher/train/evaluator.h"
#include "launcher/train/stop_signal.h"
#include "recipes/registry.h"

namespace tessera::launcher {
namespace {

void write_predictions(const std::filesystem::path& path, const Predictions& predictions) {
  const auto entry_of = [](const char* name, const Tensor& tensor) {
    return SafetensorsEntry{name, tensor.dtype(), {tensor.shape().begin(), tensor.shape().end()}};
  };
  SafetensorsWriter writer(path, {entry_of("outputs", predictions.outputs), entry_of("targets", predictions.targets)}, {}, ErrorKind::data);
  writer.write(predictions.outputs);
  writer.write(predictions.targets);
  writer.close();
}

Job load_evaluation(const EvalArguments& arguments, const config::KindRegistry& registry) {
  std::vector<std::string> overrides = arguments.overrides;
  if (arguments.out) overrides.push_back("run.out=" + *arguments.out);
  if (arguments.split) overrides.push_back("evaluate.split=" + *arguments.split);
  return load_job(arguments.recipe, overrides, registry);
}

/// Everything there is to say of an evaluation; for rank 0.
class EvaluationReport {
 public:
  EvaluationReport(const EvalArguments& arguments, const Evaluator& evaluator, const Task& task, const Evaluator::Result& result, const std::string& split,
                   const std::vector<std::string>& sources)
      : arguments_(arguments), samples_(evaluator.samples()), result_(result), split_(split), sources_(sources), values_(evaluator.values(task, result)) {
    if (result.classes) classes_ = make_class_report(*result.classes, evaluator.dataset());
  }

  void write_files() const {
    if (arguments_.predictions) write_predictions(*arguments_.predictions, *result_.predictions);
    if (arguments_.json) write_file_atomically(*arguments_.json, json() + "\n", ErrorKind::usage);
    if (!arguments_.confusion) return;
    if (!classes_) throw Error(ErrorKind::usage, "the task does not classify, so that there is no confusion matrix", "--confusion", "leave it out");
    if (!classes_->counts.has_matrix()) {
      throw Error(ErrorKind::usage, fmt::format("no confusion matrix is counted of {} classes", classes_->counts.classes()), "evaluate.confusion_classes",
                  fmt::format("set it to {}", classes_->counts.classes()));
    }
    const std::string title = fmt::format("{}: {} samples, accuracy {:.2f} %", split_, classes_->counts.samples(), 100.0 * classes_->counts.accuracy());
    write_file_atomically(*arguments_.confusion, png_of(draw_confusion(*classes_, title)), ErrorKind::usage);
  }

  void print(Progress& progress) const {
    if (classes_) progress.line(table_of(*classes_));
    const std::string from = sources_.size() == 1 ? "weights from " + sources_.front() : fmt::format("mean of {} models' probabilities", sources_.size());
    std::string line = fmt::format("{} samples of {}, {}:", samples_, split_, from);
    for (const auto& [name, value] : values_) line += fmt::format(" {} {:.6f}", name, value);
    if (result_.skipped_samples > 0) line += fmt::format(" skipped_samples {}", result_.skipped_samples);
    progress.line(line);
  }

 private:
  std::string json() const {
    nlohmann::ordered_json json = {{"split", split_}, {"samples", samples_}, {"skipped_samples", result_.skipped_samples}, {"weights", sources_}};
    for (const auto& [name, value] : values_) json["evaluation"][name] = value;
    if (classes_ && classes_->counts.has_matrix()) json["evaluation_classes"] = nlohmann::ordered_json::parse(class_report_json(*classes_));
    return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  }

  const EvalArguments& arguments_;
  int64_t samples_;
  const Evaluator::Result& result_;
  std::string split_;
  std::vector<std::string> sources_;
  NamedValues values_;
  std::optional<ClassReport> classes_;
};

/// Says how far an evaluation is and when it will be over.
class EvaluationClock {
 public:
  EvaluationClock(Progress& progress, int64_t samples) : progress_(progress), samples_(samples), started_(Clock::now()) {}

  void show(int64_t done) {
    // The first batch is not counted: it has made the kernels and may follow on what an earlier run did.
    if (first_done_ == 0) first_done_ = done, started_ = Clock::now();
    if (!progress_.due()) return;
    std::string text = fmt::format("evaluating: {} of {} samples", done, samples_);
    if (done > first_done_) {
      const double seconds = std::chrono::duration<double>(Clock::now() - started_).count(), here = static_cast<double>(done - first_done_);
      text += fmt::format(", {:.1f} samples/s, ETA {}", here / seconds, clock_text(seconds / here * static_cast<double>(samples_ - done)));
    }
    progress_.update(text);
  }

 private:
  using Clock = std::chrono::steady_clock;

  Progress& progress_;
  int64_t samples_, first_done_ = 0;
  Clock::time_point started_;
};

/// Beside the predictions or in the run folder, under a name that stands for all that the numbers depend on.
std::filesystem::path log_folder(const EvalArguments& arguments, const Job& job, const Evaluated& evaluated, const data::Dataset& data_set,
                                 distributed::Runtime& runtime) {
  const config::Recipe& recipe = job.recipe();
  std::vector<int64_t> key(1);
  on_rank_0(runtime, [&] {
    const std::string meaning = fmt::format("evaluation 1 {} {} {} {} {} {} {} {} {}", job.hash, recipe.evaluate.split, recipe.data.on_error,
                                            recipe.batch.micro_samples, data_set.fingerprint(), evaluated.fingerprint(), recipe.evaluate.confusion_classes,
                                            arguments.predictions.has_value(), platform_fingerprint());
    key[0] = static_cast<int64_t>(checksum(meaning.data(), meaning.size()));
  });
  runtime.world().broadcast(key, 0, distributed::ReadyEvent::now(), "name of the evaluation").wait();
  const std::string name = data::hex(static_cast<uint64_t>(key[0])) + ".partial";
  if (arguments.predictions) return *arguments.predictions + "." + name;
  return std::filesystem::path(recipe.run.out) / ("evaluation." + name);
}

}  // namespace

int evaluate(const EvalArguments& arguments) {
  catch_stop_signals();
  return run_on_all_ranks([&](distributed::Runtime& runtime) -> int {
    const config::KindRegistry registry = recipes::make_registry();
    std::optional<Job> job;
    std::unique_ptr<Evaluator> evaluator;
    together(runtime, [&] {
      job = load_evaluation(arguments, registry);
      set_kernel_threads(static_cast<int>(job->recipe().run.threads));
    });
    const config::Recipe& recipe = job->recipe();
    if (!prepare_data(runtime, recipe.data, std::array{recipe.evaluate.split})) return kExitStopped;
    together(runtime, [&] {
      auto dataset = recipes::open_dataset(recipe.data, recipe.evaluate.split, reading_progress(runtime.rank() == 0, recipe.evaluate.split));
      recipes::check_data_fits(recipe, *dataset);
      evaluator = std::make_unique<Evaluator>(recipe, std::move(dataset), runtime);
    });
    Evaluated evaluated(arguments, *job, registry, runtime);
    EvaluationLog log(log_folder(arguments, *job, evaluated, evaluator->dataset(), runtime), runtime.rank());
    Progress progress(runtime.rank() == 0);
    EvaluationClock clock(progress, evaluator->samples());
    const auto result = evaluator->run(evaluated.task(), {arguments.predictions.has_value(), [&](int64_t done) { clock.show(done); }, &log, stop_requested});
    if (result.stopped) {
      progress.line(fmt::format("stopped; what is done is kept in {}: run the same command again to go on", log.folder().string()));
      return kExitStopped;
    }
    on_rank_0(runtime, [&] {
      const EvaluationReport report(arguments, *evaluator, evaluated.task(), result, recipe.evaluate.split, evaluated.sources());
      report.write_files();
      log.remove();
      report.print(progress);
    });
    return kExitDone;
  });
}

}  // namespace tessera::launcher
