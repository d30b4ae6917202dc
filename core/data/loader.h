// SPDX-License-Identifier: Apache-2.0
// The batches of the quanta that a rank runs, in the order it runs them. What a batch holds is a function of (data set,
// sampler, seed, step, quantum), never of the number of workers or ranks.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "core/data/chunks.h"
#include "core/data/dataset.h"
#include "core/data/position.h"
#include "core/data/prefetch.h"
#include "core/data/sampler.h"

namespace tessera::data {

/// How a loader works; changes speed and memory, never contents.
struct LoaderThreads {
  int workers = 0;   ///< 0: batches are made in next()
  int prefetch = 4;  ///< batches made ahead, at most; at least 1
};

/// The quanta that this rank runs in a step, in order; never none.
using QuantaPlan = std::function<std::vector<int64_t>(int64_t step)>;

class Loader {
 public:
  /// `seed` goes to every SampleContext.
  Loader(std::shared_ptr<const Dataset> dataset, std::shared_ptr<const Sampler> sampler, const BatchGeometry& batch, uint64_t seed,
         OnError on_error = OnError::stop);

  /// Begins (anew) with the quanta that `plan` names in steps begin_step..end_step-1; what was prefetched is dropped. `plan` is called
  /// from worker threads, one call at a time.
  void start(int64_t begin_step, int64_t end_step, QuantaPlan plan, const LoaderThreads& threads = {});

  /// The next batch of the plan. Throws what the data set throws, again at every later call until start(): nothing is
  /// skipped. Asking beyond end_step is an internal error.
  Batch next();

  /// Any quantum, read now in the calling thread (the replay of a step, say). Thread-safe.
  Batch load(int64_t step, int64_t quantum) const;

  /// Time next() has taken from its caller since construction.
  double waited_s() const;

  const Dataset& dataset() const;

 private:
  struct Source;

  std::shared_ptr<const Source> source_;
  std::unique_ptr<Prefetcher> prefetcher_;
  double waited_before_s_ = 0;
};

/// The chunks of one rank, for evaluation.
class EvaluationLoader {
 public:
  EvaluationLoader(std::shared_ptr<const Dataset> dataset, int64_t chunk_samples, int64_t world, int64_t rank,
                   const LoaderThreads& threads = {}, OnError on_error = OnError::stop);
  /// The given chunks, in their order.
  EvaluationLoader(std::shared_ptr<const Dataset> dataset, int64_t chunk_samples, std::vector<int64_t> chunks,
                   const LoaderThreads& threads = {}, OnError on_error = OnError::stop);

  /// Nothing after this rank's last chunk (at once if it has none).
  std::optional<Batch> next() { return prefetcher_.next(); }
  double waited_s() const { return prefetcher_.waited_s(); }

 private:
  Prefetcher prefetcher_;
};

}  // namespace tessera::data
