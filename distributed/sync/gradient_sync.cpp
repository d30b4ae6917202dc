// SPDX-License-Identifier: Apache-2.0
#include "distributed/sync/gradient_sync.h"

#include <chrono>

namespace tessera::distributed {
namespace {

constexpr size_t kPieceGranuleElements = 16;  // pieces of a bucket start on cache lines

double now_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

}  // namespace

GradientSync::GradientSync(Communicator& communicator, nn::FlatParameters& parameters, Reduction reduction, int64_t quanta, int64_t bucket_bytes)
    : communicator_(communicator),
      parameters_(parameters),
      sum_(parameters, reduction),
      grid_(parameters.slots().size(), quanta),
      buckets_(make_buckets(parameters, bucket_bytes)),
      bucket_of_(parameters.slots().size()) {
  for (size_t b = 0; b < buckets_.size(); ++b) {
    for (size_t t = 0; t < bucket_of_.size(); ++t) {
      const int64_t offset = parameters.slots()[t].offset_elements;
      if (offset >= buckets_[b].begin && offset < buckets_[b].end) bucket_of_[t] = b;
    }
  }
  parameters.set_hook(this);
}

GradientSync::~GradientSync() { parameters_.set_hook(nullptr); }

void GradientSync::begin_pass(bool reduce) {
  reduce_ = reduce;
  next_bucket_ = 0;
  pending_.clear();
  missing_.clear();
  for (const Bucket& bucket : buckets_) missing_.push_back(bucket.tensors);
  overlap_ = {};
  started_s_ = 0.0;
  sum_.begin_pass();
}

void GradientSync::begin_quantum(MicroStep micro_step) { micro_step_ = micro_step; }

void GradientSync::gradient_ready(size_t tensor) {
  sum_.add(tensor, micro_step_.index == 0, grid_);
  if (!micro_step_.is_last) return;
  --missing_[bucket_of_[tensor]];
  launch_ready_buckets();
}

/// Always in the order of the buckets: every rank submits the same collectives in the same order.
void GradientSync::launch_ready_buckets() {
  while (next_bucket_ < buckets_.size() && missing_[next_bucket_] == 0) {
    if (reduce_) launch(buckets_[next_bucket_]);
    ++next_bucket_;
  }
}

void GradientSync::launch(const Bucket& bucket) {
  if (pending_.empty()) started_s_ = now_s();
  switch (sum_.reduction()) {
    case Reduction::single: return;
    case Reduction::exact: pending_.push_back(launch_exact(bucket)); return;
    case Reduction::fastest: pending_.push_back(launch_fastest(bucket)); return;
  }
}

/// int64 sums to their owners, converted there, f32 results to everybody.
Work GradientSync::launch_exact(const Bucket& bucket) {
  const auto elements = static_cast<size_t>(bucket.end - bucket.begin);
  const std::span<int64_t> integers(sum_.integer_sums().data<int64_t>() + bucket.begin, elements);
  const std::span<float> floats(parameters_.gradients().data<float>() + bucket.begin, elements);
  const std::vector<size_t> offsets = even_offsets(elements, communicator_.size(), kPieceGranuleElements);
  const auto rank = static_cast<size_t>(communicator_.rank());
  const size_t first = offsets[rank], count = offsets[rank + 1] - first;
  const Work scattered = communicator_.reduce_scatter({integers, sum_.integer_sums().storage()},
                                                      {integers.subspan(first, count), sum_.integer_sums().storage()}, offsets, ReduceOp::sum,
                                                      ReadyEvent::now(), "gradient bucket sums");
  const int64_t begin = bucket.begin + static_cast<int64_t>(first), end = begin + static_cast<int64_t>(count);
  const ReadyEvent converted = scattered.then(
      [this, begin, end, in = integers.data() + first, out = floats.data() + first] { sum_.convert(begin, end, in, grid_, out); });
  return communicator_.all_gather({floats.subspan(first, count), parameters_.gradients().storage()},
                                  {floats, parameters_.gradients().storage()}, offsets, converted, "gradient bucket");
}

Work GradientSync::launch_fastest(const Bucket& bucket) {
  const auto elements = static_cast<size_t>(bucket.end - bucket.begin);
  const std::span<float> sums(sum_.float_sums().data<float>() + bucket.begin, elements);
  const std::span<float> out(parameters_.gradients().data<float>() + bucket.begin, elements);
  return communicator_.all_reduce({sums, sum_.float_sums().storage()}, {out, parameters_.gradients().storage()}, ReduceOp::sum,
                                  ReadyEvent::now(), "gradient bucket (fastest)");
}

void GradientSync::give_up_pass() {
  for (int64_t& missing : missing_) missing = 0;
  launch_ready_buckets();
}

void GradientSync::finish_pass() {
  const double waiting_since_s = now_s();
  for (const Work& bucket : pending_) bucket.wait();
  if (!pending_.empty()) {
    const double end_s = now_s();
    overlap_ = {end_s - started_s_, end_s - waiting_since_s};
  }
  pending_.clear();
}

}  // namespace tessera::distributed
