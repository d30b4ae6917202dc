// SPDX-License-Identifier: Apache-2.0
#include "launcher/train/evaluator.h"

#include <fmt/core.h>

#include <cstring>

#include "core/data/loader.h"
#include "launcher/job/together.h"

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
      seed_(static_cast<uint64_t>(recipe.run.seed)) {}

void Evaluator::count_classes(const Tensor& scores, const Tensor& targets, std::optional<ClassCounts>& counts) const {
  if (!counts) counts.emplace(scores.shape()[1], scores.shape()[1] <= matrix_classes_);
  counts->add_rows(scores, targets);
}

/// A rank without chunks learns the number of classes from the others.
void Evaluator::sum_classes(std::optional<ClassCounts>& counts) const {
  std::vector<int64_t> classes = {counts ? counts->classes() : 0};
  runtime_.world().all_reduce(classes, classes, ReduceOp::max, ReadyEvent::now(), "number of classes").wait();
  if (!counts) counts.emplace(classes[0], classes[0] <= matrix_classes_);
  runtime_.world().all_reduce(counts->words(), counts->words(), ReduceOp::sum, ReadyEvent::now(), "classes of samples").wait();
}

Evaluator::Result Evaluator::run(Task& task, bool keep_predictions, const std::function<void(int64_t, int64_t)>& progress) {
  Result result{Metrics(task.metric_names()), {}, {}, 0};
  Predictions predictions;
  const auto failed = error_of([&] {
    data::EvaluationLoader loader(dataset_, chunk_samples_, runtime_.size(), runtime_.rank(), {workers_, prefetch_}, on_error_);
    int64_t done = 0;
    while (const auto batch = loader.next()) {
      skipped_log_.add(batch->skipped);
      result.skipped_samples += static_cast<int64_t>(batch->skipped.size());
      runtime_.set_phase("evaluation of chunk " + std::to_string(batch->quantum));
      nn::ForwardContext context(false, seed_, 0, batch->quantum);
      const Tensor outputs = task.evaluate(*batch, context, result.metrics);
      if (task.classifies()) count_classes(outputs, batch->at(data::kTargets), result.classes);
      if (keep_predictions) {
        place(outputs, batch->first_position, samples(), predictions.outputs);
        place(batch->at(data::kTargets), batch->first_position, samples(), predictions.targets);
      }
      done += batch->samples;
      if (progress) progress(done, samples());
    }
  });
  if (const auto error = runtime_.agree(failed)) throw AgreedError(*error);
  std::vector<int64_t> words = result.metrics.words();
  words.push_back(result.skipped_samples);
  runtime_.world().all_reduce(words, words, ReduceOp::sum, ReadyEvent::now(), "evaluation sums").wait();
  result.skipped_samples = words.back();
  words.pop_back();
  result.metrics.set_words(words);
  if (task.classifies()) sum_classes(result.classes);
  if (result.skipped_samples > 0 && result.metrics.weight(0) == 0.0) {
    throw AgreedError(Error(ErrorKind::data, fmt::format("no sample of the split counts: {} could not be read", result.skipped_samples), "data.on_error",
                            "look at the samples that were named before; a disk or folder may be gone"));
  }
  if (keep_predictions) {
    for (Tensor* tensor : {&predictions.outputs, &predictions.targets}) {
      agree_on_shape(runtime_, *tensor);
      merge_rows(runtime_, *tensor, "predictions");
    }
    result.predictions = predictions;
  }
  return result;
}

}  // namespace tessera::launcher
