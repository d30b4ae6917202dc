// SPDX-License-Identifier: Apache-2.0
#include "launcher/train/evaluator.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>

#include "core/data/chunks.h"
#include "core/data/loader.h"
#include "launcher/job/together.h"
#include "launcher/report/class_report.h"

namespace tessera::launcher {
namespace {

using distributed::ReadyEvent, distributed::ReduceOp;

/// Puts a chunk's rows where they belong in a tensor of all rows, made when the shape is first known.
void place(const Tensor& rows, int64_t first_row, int64_t all_rows, Tensor& all) {
  if (!all.defined()) {
    Shape shape = rows.shape();
    shape[0] = all_rows;
    all = Tensor::zeros(shape, rows.dtype());
  }
  copy_into(rows, all.narrow(0, first_row, rows.shape()[0]));
}

/// Every row was placed by one rank and is zero elsewhere: integer sums of the bits put them together.
void merge_rows(distributed::Runtime& runtime, const Tensor& all, const char* caller) {
  const std::span<int32_t> words(all.data<int32_t>(), all.size_bytes() / sizeof(int32_t));
  runtime.world().all_reduce({words, all.storage()}, {words, all.storage()}, ReduceOp::sum, ReadyEvent::now(), caller).wait();
}

/// A rank without chunks learns the shape from rank 0, which always has one.
void agree_on_shape(distributed::Runtime& runtime, Tensor& all) {
  std::vector<int64_t> shape(Shape::kMaxDims + 2, 0);
  if (runtime.rank() == 0) {
    shape[0] = static_cast<int64_t>(all.dtype());
    shape[1] = static_cast<int64_t>(all.shape().dims());
    std::copy(all.shape().begin(), all.shape().end(), shape.begin() + 2);
  }
  runtime.world().broadcast(shape, 0, ReadyEvent::now(), "shape of predictions").wait();
  if (!all.defined()) {
    const std::span<const int64_t> dims(shape.data() + 2, static_cast<size_t>(shape[1]));
    all = Tensor::zeros(Shape(dims), static_cast<DType>(shape[0]));
  }
}

/// Those of skipped samples are marked: classes are negative already, numbers become NaN.
Tensor targets_of(const data::Batch& batch) {
  const Tensor& targets = batch.at(data::kTargets);
  if (batch.skipped.empty() || targets.dtype() != DType::f32) return targets;
  const Tensor marked = Tensor::empty(targets.shape());
  copy_into(targets, marked);
  const int64_t each = marked.elements() / batch.samples;
  for (const data::SkippedSample& skipped : batch.skipped) {
    std::fill_n(marked.data<float>() + (skipped.index - batch.first_position) * each, each, std::numeric_limits<float>::quiet_NaN());
  }
  return marked;
}

}  // namespace

data::OnError on_error_of(const config::DataBlock& data) { return data.on_error == "skip" ? data::OnError::skip : data::OnError::stop; }

Evaluator::Evaluator(const config::Recipe& recipe, std::shared_ptr<const data::Dataset> dataset, distributed::Runtime& runtime)
    : runtime_(runtime),
      dataset_(std::move(dataset)),
      chunk_samples_(recipe.batch.micro_samples),
      matrix_classes_(recipe.evaluate.confusion_classes),
      workers_(static_cast<int>(recipe.data.workers)),
      prefetch_(static_cast<int>(recipe.data.prefetch_quanta)),
      on_error_(on_error_of(recipe.data)),
      seed_(static_cast<uint64_t>(recipe.run.seed)),
      precision_(ops::precision_from(recipe.precision.compute)) {}

/// A rank without chunks learns the number of classes from the others.
void Evaluator::sum_classes(std::optional<ClassCounts>& counts) const {
  std::vector<int64_t> classes = {counts ? counts->classes() : 0};
  runtime_.world().all_reduce(classes, classes, ReduceOp::max, ReadyEvent::now(), "number of classes").wait();
  if (!counts) counts = no_counts(classes[0]);
  runtime_.world().all_reduce(counts->words(), counts->words(), ReduceOp::sum, ReadyEvent::now(), "classes of samples").wait();
}

std::vector<int64_t> Evaluator::chunks_left(const EvaluationOptions& options, Sums& sums) {
  const data::Chunks chunks{samples(), chunk_samples_};
  std::vector<int64_t> done(static_cast<size_t>(chunks.count()), 0);
  if (options.log) {
    on_rank_0(runtime_, [&] {
      for (const DoneChunk& chunk : options.log->read()) {
        add(chunk, sums);
        done.at(static_cast<size_t>(chunk.chunk)) = 1;
      }
    });
    done.push_back(sums.done_samples);
    runtime_.world().broadcast(done, 0, ReadyEvent::now(), "chunks that are done").wait();
    sums.done_samples = done.back();
    done.pop_back();
  }
  std::vector<int64_t> mine;
  int64_t number = 0;
  for (int64_t chunk = 0; chunk < chunks.count(); ++chunk) {
    if (done[static_cast<size_t>(chunk)] == 0 && number++ % runtime_.size() == runtime_.rank()) mine.push_back(chunk);
  }
  return mine;
}

void Evaluator::add(const DoneChunk& done, Sums& sums) const {
  TESSERA_ASSERT(done.words.size() == sums.words.size(), "a chunk of an evaluation has other metrics");
  for (size_t i = 0; i < done.words.size(); ++i) sums.words[i] += done.words[i];
  sums.skipped_samples += done.skipped_samples;
  sums.done_samples += done.samples;
  if (done.classes.classes() > 0) {
    if (!sums.classes) sums.classes = no_counts(done.classes.classes());
    sums.classes->add(done.classes);
  }
  if (!done.outputs.defined()) return;
  place(done.outputs, done.chunk * chunk_samples_, samples(), sums.predictions.outputs);
  place(done.targets, done.chunk * chunk_samples_, samples(), sums.predictions.targets);
}

DoneChunk Evaluator::run_chunk(Task& task, const data::Batch& batch, bool keep_predictions) {
  runtime_.set_phase("evaluation of chunk " + std::to_string(batch.quantum));
  skipped_log_.add(batch.skipped);
  Metrics metrics(task.metric_names());
  nn::ForwardContext context(false, seed_, 0, batch.quantum, precision_);
  const Tensor outputs = task.evaluate(batch, context, metrics);
  DoneChunk done{batch.quantum, batch.samples, static_cast<int64_t>(batch.skipped.size()), metrics.words(), {}, {}, {}};
  if (task.classifies()) {
    done.classes = no_counts(outputs.shape()[1]);
    done.classes.add_rows(outputs, batch.at(data::kTargets));
  }
  if (keep_predictions) done.outputs = outputs, done.targets = targets_of(batch);
  return done;
}

void Evaluator::run_chunks(Task& task, const std::vector<int64_t>& chunks, const EvaluationOptions& options, Sums& sums) {
  data::EvaluationLoader loader(dataset_, chunk_samples_, chunks, {workers_, prefetch_}, on_error_);
  const int64_t done_before = sums.done_samples;
  int64_t done_here = 0;
  while (!(sums.stopped = options.stop && options.stop())) {
    const auto batch = loader.next();
    if (!batch) break;
    const DoneChunk done = run_chunk(task, *batch, options.keep_predictions);
    add(done, sums);
    if (options.log) options.log->add(done);
    done_here += done.samples;
    if (options.progress) options.progress(std::min(samples(), done_before + done_here * runtime_.size()));
  }
}

Evaluator::Result Evaluator::run(Task& task, const EvaluationOptions& asked) {
  EvaluationOptions options = asked;
  options.keep_predictions |= !task.split_metric_names().empty();
  Result result{Metrics(task.metric_names()), {}, {}, 0, false};
  Sums sums;
  sums.words = result.metrics.words();
  const std::vector<int64_t> chunks = chunks_left(options, sums);
  const auto failed = error_of([&] { run_chunks(task, chunks, options, sums); });
  if (const auto error = runtime_.agree(failed)) throw AgreedError(*error);
  std::vector<int64_t> words = sums.words;
  words.insert(words.end(), {sums.skipped_samples, sums.stopped ? 1 : 0});
  runtime_.world().all_reduce(words, words, ReduceOp::sum, ReadyEvent::now(), "evaluation sums").wait();
  result.stopped = words.back() > 0;
  if (result.stopped) return result;
  result.skipped_samples = words[words.size() - 2];
  words.resize(words.size() - 2);
  result.metrics.set_words(words);
  if (task.classifies()) {
    sum_classes(sums.classes);
    result.classes = std::move(sums.classes);
  }
  if (result.skipped_samples > 0 && result.metrics.weight(0) == 0.0) {
    throw AgreedError(Error(ErrorKind::data, fmt::format("no sample of the split counts: {} could not be read", result.skipped_samples), "data.on_error",
                            "look at the samples that were named before; a disk or folder may be gone"));
  }
  if (options.keep_predictions) {
    for (Tensor* tensor : {&sums.predictions.outputs, &sums.predictions.targets}) {
      agree_on_shape(runtime_, *tensor);
      merge_rows(runtime_, *tensor, "predictions");
    }
    result.predictions = sums.predictions;
  }
  return result;
}

NamedValues Evaluator::values(const Task& task, const Result& result) const {
  NamedValues values;
  for (size_t i = 0; i < result.metrics.names().size(); ++i) values.emplace_back(result.metrics.names()[i], result.metrics.mean(i));
  if (result.classes) {
    const NamedValues of_classes = class_values(*result.classes, *dataset_);
    values.insert(values.end(), of_classes.begin(), of_classes.end());
  }
  const std::vector<std::string> names = task.split_metric_names();
  const std::vector<double> of_split = names.empty() ? std::vector<double>() : task.split_metrics(result.predictions->outputs, result.predictions->targets);
  for (size_t i = 0; i < names.size(); ++i) values.emplace_back(names[i], of_split[i]);
  return values;
}

std::vector<std::string> Evaluator::value_names(const Task& task) const {
  std::vector<std::string> names = task.metric_names();
  if (task.classifies()) {
    for (const auto& [name, value] : class_values(ClassCounts(dataset_->classes().value_or(1), false), *dataset_)) names.push_back(name);
  }
  const std::vector<std::string> of_split = task.split_metric_names();
  names.insert(names.end(), of_split.begin(), of_split.end());
  return names;
}

}  // namespace tessera::launcher
