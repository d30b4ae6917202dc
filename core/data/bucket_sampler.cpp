// SPDX-License-Identifier: Apache-2.0
#include "core/data/bucket_sampler.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"

namespace tessera::data {
namespace {

/// Ranks and worker threads are in a few windows at a time.
constexpr size_t kWindows = 4;

}  // namespace

BucketSampler::BucketSampler(std::shared_ptr<const Sampler> order, std::shared_ptr<const Dataset> dataset, int64_t micro_samples, int64_t window_quanta, uint64_t seed)
    : order_(std::move(order)),
      dataset_(std::move(dataset)),
      micro_samples_(micro_samples),
      window_quanta_(std::min(window_quanta, order_->samples() / micro_samples + 1)),
      key_(random_key(seed, RandomPurpose::shuffle, "quanta of a window")),
      windows_(kWindows) {
  TESSERA_ASSERT(micro_samples >= 1 && window_quanta >= 1, "buckets need samples and quanta");
  if (!dataset_->length(0)) {
    throw Error(ErrorKind::usage, "samples of this kind of data have no lengths to sort by", "data.bucket_quanta", "set it to 0");
  }
}

int64_t BucketSampler::at(int64_t epoch, int64_t i) const {
  const int64_t samples = order_->samples();
  // Quanta run across the ends of epochs: this many samples belong to one that began in the epoch before.
  const int64_t of_last_epoch = (epoch % micro_samples_) * (samples % micro_samples_) % micro_samples_;
  const int64_t head = (micro_samples_ - of_last_epoch) % micro_samples_;
  const int64_t quanta = std::max<int64_t>(samples - head, 0) / micro_samples_;
  const int64_t place = i - head;
  if (place < 0 || place >= quanta * micro_samples_) return order_->at(epoch, i);
  const int64_t window_samples = window_quanta_ * micro_samples_, number = place / window_samples;
  const int64_t windows = samples / window_samples + 1;  // at most
  const auto stream = static_cast<uint64_t>(epoch) * static_cast<uint64_t>(windows) + static_cast<uint64_t>(number);
  const std::lock_guard lock(mutex_);
  const Window& window = windows_.get(stream, [&] {
    return make_window(epoch, head + number * window_samples, std::min(window_quanta_, quanta - number * window_quanta_), stream);
  });
  return window[static_cast<size_t>(place % window_samples)];
}

BucketSampler::Window BucketSampler::make_window(int64_t epoch, int64_t first, int64_t quanta, uint64_t stream) const {
  std::vector<std::pair<int64_t, int64_t>> by_length;  // length, sample
  for (int64_t i = first; i < first + quanta * micro_samples_; ++i) {
    const int64_t sample = order_->at(epoch, i);
    by_length.emplace_back(dataset_->length(sample).value_or(1), sample);
  }
  // Of equally long ones the order stays, so that the data set's does not show.
  std::stable_sort(by_length.begin(), by_length.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  const Permutation order(quanta, key_);
  Window window;
  for (int64_t quantum = 0; quantum < quanta; ++quantum) {
    const auto from = by_length.begin() + order.at(stream, quantum) * micro_samples_;
    std::transform(from, from + micro_samples_, std::back_inserter(window), [](const auto& entry) { return entry.second; });
  }
  return window;
}

}  // namespace tessera::data
