// SPDX-License-Identifier: Apache-2.0
#include "core/data/loader.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "core/base/error.h"

namespace tessera::data {
namespace {

/// Sequences are cut to a multiple of this: shapes repeat, and rows of whole vectors are what kernels like.
constexpr int64_t kLengthStep = 8;

/// Places that sequences of these samples need; nothing where the data set does not say.
std::optional<int64_t> places_of(const Dataset& dataset, const std::vector<int64_t>& indices) {
  int64_t longest = 0;
  for (const int64_t index : indices) {
    const auto length = dataset.length(index);
    if (!length) return std::nullopt;
    longest = std::max(longest, *length);
  }
  return (longest + kLengthStep - 1) / kLengthStep * kLengthStep;
}

/// A field of a batch, and where its next sample goes.
struct FieldWriter {
  FieldWriter(const Field& whole, const std::optional<int64_t>& places, int64_t samples) : field(whole) {
    const bool cut = whole.sequence && places && *places < whole.shape[0];
    if (cut) field.shape[0] = *places, scratch.resize(whole.sample_bytes());
    tensor = field.empty_batch(samples);
    next = tensor.bytes();
  }
  /// Where the data set writes a sample.
  std::byte* destination() { return scratch.empty() ? next : scratch.data(); }
  void finish_sample() {
    if (!scratch.empty()) std::memcpy(next, scratch.data(), field.sample_bytes());
    next += field.sample_bytes();
  }

  Field field;
  Tensor tensor;
  std::byte* next = nullptr;
  std::vector<std::byte> scratch;  // a whole sample, where the batch takes a part of it
};

/// Makes the batch of some samples, one after the other.
class BatchWriter {
 public:
  BatchWriter(const Dataset& dataset, const std::vector<int64_t>& indices, OnError on_error) : dataset_(dataset) {
    const MemoryScope scope(MemoryCategory::data);
    const auto samples = static_cast<int64_t>(indices.size());
    const std::optional<int64_t> places = places_of(dataset, indices);
    batch_.samples = samples;
    for (const Field& field : dataset.fields()) {
      fields_.emplace_back(field, places, samples);
      batch_.tensors.emplace_back(field.name, fields_.back().tensor);
    }
    destinations_.resize(fields_.size());
    if (on_error == OnError::stop) return;
    const Tensor weights = Tensor::empty({samples});
    batch_.tensors.emplace_back(std::string(kWeights), weights);
    next_weight_ = weights.data<float>();
  }

  /// Reads the batch's next sample.
  void append(int64_t index, const SampleContext& context) {
    for (size_t i = 0; i < fields_.size(); ++i) destinations_[i] = fields_[i].destination();
    if (next_weight_) {
      append_or_skip(index, context);
    } else {
      dataset_.read(index, context, destinations_);
    }
    for (FieldWriter& field : fields_) field.finish_sample();
  }

  Batch& batch() { return batch_; }

 private:
  void append_or_skip(int64_t index, const SampleContext& context) {
    try {
      dataset_.read(index, context, destinations_);
      *next_weight_++ = 1.0f;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::data) throw;
      batch_.skipped.push_back({index, error.what()});
      blank();
      *next_weight_++ = 0.0f;
    }
  }

  void blank() {
    for (size_t i = 0; i < fields_.size(); ++i) {
      const Field& field = fields_[i].field;
      const bool classes = field.name == kTargets && field.dtype == DType::i64;
      static_assert(kSkippedClass == -1, "all of its bits are set");
      std::memset(destinations_[i], classes ? 0xff : 0, field.sample_bytes());
      if (field.name == kLengths) *reinterpret_cast<int64_t*>(destinations_[i]) = 1;
    }
  }

  const Dataset& dataset_;
  Batch batch_;
  std::vector<FieldWriter> fields_;
  std::vector<std::byte*> destinations_;  // of the sample that is read
  float* next_weight_ = nullptr;          // null: errors are not caught
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
    std::vector<int64_t> indices(static_cast<size_t>(chunks.end(chunk) - chunks.begin(chunk)));
    std::iota(indices.begin(), indices.end(), chunks.begin(chunk));
    BatchWriter writer(*dataset, indices, on_error);
    writer.batch().quantum = chunk;
    writer.batch().first_position = chunks.begin(chunk);
    for (size_t i = 0; i < indices.size() && !stop; ++i) writer.append(indices[i], {0, 0, indices[i], false});
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
    const int64_t first = data::first_position(batch, step, quantum);
    std::vector<int64_t> indices;
    for (int64_t position = first; position < first + batch.micro_samples; ++position) {
      const EpochPosition at = epoch_position(position, sampler->samples());
      indices.push_back(sampler->at(at.epoch, at.index));
    }
    BatchWriter writer(*dataset, indices, on_error);
    writer.batch().step = step;
    writer.batch().quantum = quantum;
    writer.batch().first_position = first;
    for (size_t i = 0; i < indices.size() && !stop; ++i) {
      const int64_t position = first + static_cast<int64_t>(i);
      writer.append(indices[i], {seed, epoch_position(position, sampler->samples()).epoch, position, true});
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
