// SPDX-License-Identifier: Apache-2.0
#include "core/data/loader.h"

#include <cstring>

#include "core/base/error.h"

namespace tessera::data {
namespace {

/// A batch of `samples` uninitialised samples, and where each of its samples goes.
class BatchWriter {
 public:
  BatchWriter(const Dataset& dataset, int64_t samples, OnError on_error) : dataset_(dataset) {
    const MemoryScope scope(MemoryCategory::data);
    batch_.samples = samples;
    for (const Field& field : dataset.fields()) {
      batch_.tensors.emplace_back(field.name, field.empty_batch(samples));
      next_.push_back(batch_.tensors.back().second.bytes());
    }
    if (on_error == OnError::stop) return;
    const Tensor weights = Tensor::empty({samples});
    batch_.tensors.emplace_back(std::string(kWeights), weights);
    next_weight_ = weights.data<float>();
  }

  /// Reads the batch's next sample.
  void append(int64_t index, const SampleContext& context) {
    if (next_weight_) {
      append_or_skip(index, context);
    } else {
      dataset_.read(index, context, next_);
    }
    for (size_t field = 0; field < next_.size(); ++field) next_[field] += dataset_.fields()[field].sample_bytes();
  }

  Batch& batch() { return batch_; }

 private:
  void append_or_skip(int64_t index, const SampleContext& context) {
    try {
      dataset_.read(index, context, next_);
      *next_weight_++ = 1.0f;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::data) throw;
      batch_.skipped.push_back({index, error.what()});
      blank();
      *next_weight_++ = 0.0f;
    }
  }

  void blank() {
    for (size_t i = 0; i < next_.size(); ++i) {
      const Field& field = dataset_.fields()[i];
      const bool classes = field.name == kTargets && field.dtype == DType::i64;
      static_assert(kSkippedClass == -1, "all of its bits are set");
      std::memset(next_[i], classes ? 0xff : 0, field.sample_bytes());
    }
  }

  const Dataset& dataset_;
  Batch batch_;
  std::vector<std::byte*> next_;
  float* next_weight_ = nullptr;  // null: errors are not caught
};

/// Those of a rank: every world-th.
std::vector<int64_t> chunks_of(const Dataset& dataset, int64_t chunk_samples, int64_t world, int64_t rank) {
  TESSERA_ASSERT(chunk_samples >= 1 && world >= 1 && rank >= 0 && rank < world, "evaluation needs a chunk size and a rank of a world");
  std::vector<int64_t> chunks;
  for (int64_t chunk = rank; chunk < Chunks{dataset.samples(), chunk_samples}.count(); chunk += world) chunks.push_back(chunk);
  return chunks;
}

BatchJob evaluation_job(const std::shared_ptr<const Dataset>& dataset, const Chunks& chunks, int64_t chunk, OnError on_error) {
  return [dataset, chunks, chunk, on_error](const std::atomic<bool>& stop) {
    BatchWriter writer(*dataset, chunks.end(chunk) - chunks.begin(chunk), on_error);
    writer.batch().quantum = chunk;
    writer.batch().first_position = chunks.begin(chunk);
    for (int64_t index = chunks.begin(chunk); index < chunks.end(chunk) && !stop; ++index) writer.append(index, {0, 0, index, false});
    return std::move(writer.batch());
  };
}

}  // namespace

/// What every batch is made from; shared with the workers' jobs.
struct Loader::Source {
  std::shared_ptr<const Dataset> dataset;
  std::shared_ptr<const Sampler> sampler;
  BatchGeometry batch;
  uint64_t seed;
  OnError on_error;

  Batch load(int64_t step, int64_t quantum, const std::atomic<bool>& stop) const {
    BatchWriter writer(*dataset, batch.micro_samples, on_error);
    const int64_t first = data::first_position(batch, step, quantum);
    writer.batch().step = step;
    writer.batch().quantum = quantum;
    writer.batch().first_position = first;
    for (int64_t position = first; position < first + batch.micro_samples && !stop; ++position) {
      const EpochPosition at = epoch_position(position, sampler->samples());
      writer.append(sampler->at(at.epoch, at.index), {seed, at.epoch, position, true});
    }
    return std::move(writer.batch());
  }
};

Loader::Loader(std::shared_ptr<const Dataset> dataset, std::shared_ptr<const Sampler> sampler, const BatchGeometry& batch, uint64_t seed,
               OnError on_error)
    : source_(std::make_shared<const Source>(Source{std::move(dataset), std::move(sampler), batch, seed, on_error})) {
  check(batch);
}

void Loader::start(int64_t begin_step, int64_t end_step, QuantaPlan plan, const LoaderThreads& threads) {
  waited_before_s_ = waited_s();
  prefetcher_.reset();
  const auto next_job = [source = source_, plan = std::move(plan), step = begin_step, end_step, quanta = std::vector<int64_t>(),
                         place = size_t{0}]() mutable -> BatchJob {
    if (place == quanta.size()) {
      if (step >= end_step) return {};
      quanta = plan(step);
      TESSERA_ASSERT(!quanta.empty(), "a rank has no quanta in step " + std::to_string(step));
      ++step;
      place = 0;
    }
    return [source, step_now = step - 1, quantum = quanta[place++]](const std::atomic<bool>& stop) {
      return source->load(step_now, quantum, stop);
    };
  };
  prefetcher_ = std::make_unique<Prefetcher>(threads.workers, threads.prefetch, next_job);
}

Batch Loader::next() {
  TESSERA_ASSERT(prefetcher_ != nullptr, "the loader has not been started");
  std::optional<Batch> batch = prefetcher_->next();
  TESSERA_ASSERT(batch.has_value(), "the loader was asked for a batch beyond its last step");
  return std::move(*batch);
}

Batch Loader::load(int64_t step, int64_t quantum) const {
  const std::atomic<bool> never_stop{false};
  return source_->load(step, quantum, never_stop);
}

double Loader::waited_s() const { return waited_before_s_ + (prefetcher_ ? prefetcher_->waited_s() : 0.0); }

const Dataset& Loader::dataset() const { return *source_->dataset; }

EvaluationLoader::EvaluationLoader(std::shared_ptr<const Dataset> dataset, int64_t chunk_samples, int64_t world, int64_t rank,
                                   const LoaderThreads& threads, OnError on_error)
    : EvaluationLoader(dataset, chunk_samples, chunks_of(*dataset, chunk_samples, world, rank), threads, on_error) {}

EvaluationLoader::EvaluationLoader(std::shared_ptr<const Dataset> dataset, int64_t chunk_samples, std::vector<int64_t> chunks,
                                   const LoaderThreads& threads, OnError on_error)
    : prefetcher_(threads.workers, threads.prefetch,
                  [dataset, all = Chunks{dataset->samples(), chunk_samples}, chunks = std::move(chunks), next = size_t{0}, on_error]() mutable -> BatchJob {
                    if (next == chunks.size()) return {};
                    return evaluation_job(dataset, all, chunks[next++], on_error);
                  }) {}

}  // namespace tessera::data
