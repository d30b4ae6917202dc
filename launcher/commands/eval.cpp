// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "core/base/hash.h"
#include "core/checkpoint/export.h"
#include "core/checkpoint/import.h"
#include "core/checkpoint/model_state.h"
#include "core/format/safetensors_writer.h"
#include "core/kernels/kernels.h"
#include "core/nn/flat_parameters.h"
#include "launcher/commands/commands.h"
#include "launcher/job/prepare.h"
#include "launcher/job/together.h"
#include "launcher/report/progress.h"
#include "launcher/train/evaluator.h"
#include "launcher/train/stop_signal.h"
#include "recipes/registry.h"

namespace tessera::launcher {
namespace {

void replace_by_averages(const checkpoint::Checkpoint& found, std::span<const checkpoint::StateEntry> entries) {
  for (const checkpoint::StateEntry& average : checkpoint::read_averages(found)) {
    const auto entry = std::ranges::find(entries, average.name, &checkpoint::StateEntry::name);
    if (entry != entries.end()) copy_into(average.tensor, entry->tensor);
  }
}

/// Fills the model from --weights, --checkpoint or the newest sound checkpoint of the run; returns what was read.
std::string read_weights(const EvalArguments& arguments, const config::Recipe& recipe, nn::FlatParameters& parameters,
                         distributed::Runtime& runtime) {
  const auto entries = checkpoint::weight_entries(parameters);
  std::string source;
  if (arguments.weights) {
    source = *arguments.weights;
    together(runtime, [&] { checkpoint::import_weights(entries, source, recipe.init); });
  } else {
    RunCheckpoints checkpoints(std::filesystem::path(recipe.run.out) / "checkpoints", 1, runtime);
    std::vector<std::string> skipped;
    std::optional<checkpoint::Checkpoint> found;
    if (arguments.checkpoint) {
      found = checkpoints.open(*arguments.checkpoint);
    } else {
      found = checkpoints.newest_sound(skipped);
    }
    if (runtime.rank() == 0) {
      for (const std::string& line : skipped) fmt::print(stderr, "tessera: warning: skipped a checkpoint: {}\n", line);
    }
    if (!found) {
      throw AgreedError(Error(ErrorKind::checkpoint, "there is no sound checkpoint", checkpoints.folder().string(),
                              "train first, or give --checkpoint PATH or --weights FILE"));
    }
    source = found->path.string();
    together(runtime, [&] {
      checkpoint::read_into(*found, entries, checkpoint::Match::weights);
      if (arguments.average) replace_by_averages(*found, entries);
    });
  }
  parameters.values_changed();
  return source;
}

void write_predictions(const std::filesystem::path& path, const Predictions& predictions) {
  const auto entry_of = [](const char* name, const Tensor& tensor) {
    return SafetensorsEntry{name, tensor.dtype(), {tensor.shape().begin(), tensor.shape().end()}};
  };
  SafetensorsWriter writer(path, {entry_of("outputs", predictions.outputs), entry_of("targets", predictions.targets)}, {}, ErrorKind::data);
  writer.write(predictions.outputs);
  writer.write(predictions.targets);
  writer.close();
}

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
std::filesystem::path log_folder(const EvalArguments& arguments, const Job& job, const nn::FlatParameters& parameters, const data::Dataset& data_set,
                                 distributed::Runtime& runtime) {
  const config::Recipe& recipe = job.recipe();
  std::vector<int64_t> key(1);
  on_rank_0(runtime, [&] {
    const Tensor& values = parameters.values();
    const std::string meaning = fmt::format("evaluation 1 {} {} {} {} {} {} {} {}", job.hash, recipe.evaluate.split, recipe.data.on_error,
                                            recipe.batch.micro_samples, data_set.fingerprint(), checksum(values.bytes(), values.size_bytes()),
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
  return run_on_all_ranks([&](distributed::Runtime& runtime) {
    const config::KindRegistry registry = recipes::make_registry();
    std::optional<Job> job;
    std::unique_ptr<Task> task;
    std::unique_ptr<nn::FlatParameters> parameters;
    std::unique_ptr<Evaluator> evaluator;
    together(runtime, [&] {
      std::vector<std::string> overrides = arguments.overrides;
      if (arguments.out) overrides.push_back("run.out=" + *arguments.out);
      if (arguments.split) overrides.push_back("evaluate.split=" + *arguments.split);
      job = load_job(arguments.recipe, overrides, registry);
      const config::Recipe& recipe = job->recipe();
      set_kernel_threads(static_cast<int>(recipe.run.threads));
    });
    if (!prepare_data(runtime, job->recipe().data, std::array{job->recipe().evaluate.split})) return kExitStopped;
    together(runtime, [&] {
      const config::Recipe& recipe = job->recipe();
      auto dataset = recipes::open_dataset(recipe.data, recipe.evaluate.split);
      recipes::check_data_fits(recipe, *dataset);
      task = recipes::make_task(recipe);
      parameters = std::make_unique<nn::FlatParameters>(task->model(), static_cast<uint64_t>(recipe.run.seed));
      evaluator = std::make_unique<Evaluator>(recipe, std::move(dataset), runtime);
    });
    const std::string source = read_weights(arguments, job->recipe(), *parameters, runtime);
    EvaluationLog log(log_folder(arguments, *job, *parameters, evaluator->data_set(), runtime), runtime.rank());
    Progress progress(runtime.rank() == 0);
    EvaluationClock clock(progress, evaluator->samples());
    const auto result = evaluator->run(*task, {arguments.predictions.has_value(), [&](int64_t done) { clock.show(done); }, &log, stop_requested});
    if (result.stopped) {
      progress.line(fmt::format("stopped; what is done is kept in {}: run the same command again to go on", log.folder().string()));
      return kExitStopped;
    }
    on_rank_0(runtime, [&] {
      if (arguments.predictions) write_predictions(*arguments.predictions, *result.predictions);
      log.remove();
      std::string line = fmt::format("{} samples of {}, weights from {}:", evaluator->samples(), job->recipe().evaluate.split, source);
      for (size_t i = 0; i < result.metrics.names().size(); ++i) line += fmt::format(" {} {:.6f}", result.metrics.names()[i], result.metrics.mean(i));
      if (result.skipped_samples > 0) line += fmt::format(" skipped_samples {}", result.skipped_samples);
      progress.line(line);
    });
    return kExitDone;
  });
}

}  // namespace tessera::launcher
