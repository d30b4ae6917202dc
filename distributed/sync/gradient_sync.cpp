// SPDX-License-Identifier: Apache-2.0
#include "distributed/sync/gradient_sync.h"

#include <chrono>
#include <utility>

namespace tessera::distributed {
namespace {

/// How a bucket is dealt to the ranks that own its sums.
struct Pieces {
  std::vector<size_t> offsets;  ///< [ranks + 1], elements of the bucket
  size_t first, count;          ///< this rank's
  int64_t begin, end;           ///< the same, of the flat layout

  Pieces(const Bucket& bucket, const GradientSum& sum, const Communicator& communicator)
      : offsets(even_offsets(static_cast<size_t>(bucket.end - bucket.begin), communicator.size())) {
    for (size_t r = 1; r + 1 < offsets.size(); ++r) {
      const int64_t cut = sum.cut_before(bucket.begin + static_cast<int64_t>(offsets[r]));
      offsets[r] = static_cast<size_t>(cut - bucket.begin);
    }
    const auto rank = static_cast<size_t>(communicator.rank());
    first = offsets[rank];
    count = offsets[rank + 1] - first;
    begin = bucket.begin + static_cast<int64_t>(first);
    end = begin + static_cast<int64_t>(count);
  }
};

/// The bucket's part of a flat buffer.
template <typename T>
std::span<T> part_of(const Tensor& flat, const Bucket& bucket) {
  return {flat.data<T>() + bucket.begin, static_cast<size_t>(bucket.end - bucket.begin)};
}

/// The owners' pieces of the flat gradients to everybody.
Work gather(Communicator& communicator, const Tensor& gradients, const Bucket& bucket, const Pieces& pieces, const ReadyEvent& ready) {
  const std::span<float> all = part_of<float>(gradients, bucket);
  return communicator.all_gather({all.subspan(pieces.first, pieces.count), gradients.storage()}, {all, gradients.storage()}, pieces.offsets, ready,
                                 "gradient bucket");
}

double now_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

}  // namespace

GradientSync::GradientSync(Communicator& communicator, nn::FlatParameters& parameters, Reduction reduction, int64_t quanta, int64_t bucket_bytes,
                           std::vector<bool> left_out)
    : communicator_(communicator),
      parameters_(parameters),
      sum_(parameters, reduction, reduction == Reduction::exact && quanta == communicator.size(), std::move(left_out)),
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
  summed_.clear();
  missing_.clear();
  for (const Bucket& bucket : buckets_) missing_.push_back(bucket.tensors);
  overlap_ = {};
  started_s_ = 0.0;
  sum_.begin_pass();
}

void GradientSync::begin_quantum(MicroStep micro_step) { micro_step_ = micro_step; }

void GradientSync::gradient_ready(size_t tensor) {
  const bool owners_look_at_it = reduce_ && sum_.terms();
  if (!owners_look_at_it) sum_.add(tensor, micro_step_.index == 0, grid_);
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
    case Reduction::exact: pending_.push_back(sum_.terms() ? launch_terms(bucket) : launch_exact(bucket)); return;
    case Reduction::fastest: pending_.push_back(launch_fastest(bucket)); return;
  }
}

/// int64 sums to their owners, converted there, f32 results to everybody.
Work GradientSync::launch_exact(const Bucket& bucket) {
  const Pieces pieces(bucket, sum_, communicator_);
  const Tensor& sums = sum_.integer_sums();
  const std::span<int64_t> all = part_of<int64_t>(sums, bucket), mine = all.subspan(pieces.first, pieces.count);
  const Work scattered = communicator_.reduce_scatter({all, sums.storage()}, {mine, sums.storage()}, pieces.offsets, ReduceOp::sum, ReadyEvent::now(),
                                                      "gradient bucket sums");
  summed_.push_back(scattered.then([this, begin = pieces.begin, end = pieces.end, mine] { sum_.convert(begin, end, mine.data(), grid_); }));
  return gather(communicator_, parameters_.gradients(), bucket, pieces, summed_.back());
}

/// Gradients as they are to the owners of their sums: rounded to the grid each is an f32 number still, so that nothing else must travel, and the owner rounds.
Work GradientSync::launch_terms(const Bucket& bucket) {
  const Pieces pieces(bucket, sum_, communicator_);
  const Tensor& gradients = parameters_.gradients();
  const auto sum = [this, piece = pieces.begin](size_t first, size_t elements, std::span<const float* const> terms) {
    const int64_t begin = piece + static_cast<int64_t>(first);
    sum_.sum_terms(begin, begin + static_cast<int64_t>(elements), terms, grid_);
  };
  const Work summed = communicator_.reduce_scatter({part_of<float>(gradients, bucket), gradients.storage()}, pieces.offsets, sum, ReadyEvent::now(),
                                                   "gradient bucket terms");
  summed_.push_back(summed.event());
  return gather(communicator_, gradients, bucket, pieces, summed_.back());
}

Work GradientSync::launch_fastest(const Bucket& bucket) {
  const Tensor &sums = sum_.float_sums(), &gradients = parameters_.gradients();
  return communicator_.all_reduce({part_of<float>(sums, bucket), sums.storage()}, {part_of<float>(gradients, bucket), gradients.storage()}, ReduceOp::sum,
                                  ReadyEvent::now(), "gradient bucket (fastest)");
}

std::vector<Work> GradientSync::combine_findings() {
  if (sum_.reduction() != Reduction::exact) return {};
  const std::shared_ptr<std::vector<uint32_t>>& bits = sum_.largest_bits();
  const std::shared_ptr<ExactScalar>& squares = sum_.squares();
  const std::span<int64_t> words = squares->words();
  const ReadyEvent ready = all_of(summed_);
  return {communicator_.all_reduce({*bits, bits}, {*bits, bits}, ReduceOp::max, ready, "gradient maxima"),
          communicator_.all_reduce({words, squares}, {words, squares}, ReduceOp::sum, ready, "gradient squares")};
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
