// SPDX-License-Identifier: Apache-2.0
#include "distributed/sync/gradient_sync.h"

#include <chrono>
#include <utility>

namespace tessera::distributed {

/// How a bucket is dealt to the ranks that own its sums.
struct GradientSync::Pieces {
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

namespace {

/// The bucket's part of a flat buffer.
template <typename T>
std::span<T> part_of(const Tensor& flat, const Bucket& bucket) {
  return {flat.data<T>() + bucket.begin, static_cast<size_t>(bucket.end - bucket.begin)};
}

double now_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

}  // namespace

GradientSync::GradientSync(Communicator& communicator, nn::FlatParameters& parameters, Reduction reduction, int64_t quanta, int64_t bucket_bytes,
                           std::vector<bool> left_out, Update update)
    : communicator_(communicator),
      parameters_(parameters),
      sum_(parameters, reduction, reduction == Reduction::exact && quanta == communicator.size(), std::move(left_out)),
      update_(update),
      grid_(parameters.slots().size(), quanta),
      buckets_(make_buckets(parameters, bucket_bytes)),
      bucket_of_(parameters.slots().size()),
      updated_here_({parameters.whole()}) {
  TESSERA_ASSERT(update == Update::everywhere || reduction == Reduction::exact, "only exact sums have owners");
  for (size_t b = 0; b < buckets_.size(); ++b) {
    for (size_t t = 0; t < bucket_of_.size(); ++t) {
      const int64_t offset = parameters.slots()[t].offset_elements;
      if (offset >= buckets_[b].begin && offset < buckets_[b].end) bucket_of_[t] = b;
    }
  }
  if (update == Update::by_owners) {
    updated_here_.clear();
    for (size_t b = buckets_.size(); b-- > 0;) {
      const Pieces pieces(buckets_[b], sum_, communicator);
      updated_here_.push_back({pieces.begin, pieces.end});
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
    case Reduction::exact: launch_exact(bucket); return;
    case Reduction::fastest: pending_.push_back(launch_fastest(bucket).event()); return;
  }
}

/// To owners, and from them to everybody who updates what they own.
void GradientSync::launch_exact(const Bucket& bucket) {
  const Pieces pieces(bucket, sum_, communicator_);
  summed_.push_back(sum_.terms() ? launch_terms(bucket, pieces) : launch_integers(bucket, pieces));
  if (update_ == Update::by_owners) {
    pending_.push_back(summed_.back());
  } else {
    pending_.push_back(gather_pieces(parameters_.gradients(), bucket, pieces, summed_.back(), "gradient bucket").event());
  }
}

/// int64 sums to their owners, converted there.
ReadyEvent GradientSync::launch_integers(const Bucket& bucket, const Pieces& pieces) {
  const Tensor& sums = sum_.integer_sums();
  const std::span<int64_t> all = part_of<int64_t>(sums, bucket), mine = all.subspan(pieces.first, pieces.count);
  const Work scattered = communicator_.reduce_scatter({all, sums.storage()}, {mine, sums.storage()}, pieces.offsets, ReduceOp::sum, ReadyEvent::now(),
                                                      "gradient bucket sums");
  return scattered.then([this, begin = pieces.begin, end = pieces.end, mine] { sum_.convert(begin, end, mine.data(), grid_); });
}

/// Gradients as they are to the owners of their sums: rounded to the grid each is an f32 number still, so that nothing else must travel, and the owner rounds.
ReadyEvent GradientSync::launch_terms(const Bucket& bucket, const Pieces& pieces) {
  const Tensor& gradients = parameters_.gradients();
  const auto sum = [this, piece = pieces.begin](size_t first, size_t elements, std::span<const float* const> terms) {
    const int64_t begin = piece + static_cast<int64_t>(first);
    sum_.sum_terms(begin, begin + static_cast<int64_t>(elements), terms, grid_);
  };
  return communicator_.reduce_scatter({part_of<float>(gradients, bucket), gradients.storage()}, pieces.offsets, sum, ReadyEvent::now(), "gradient bucket terms")
      .event();
}

Work GradientSync::launch_fastest(const Bucket& bucket) {
  const Tensor &sums = sum_.float_sums(), &gradients = parameters_.gradients();
  return communicator_.all_reduce({part_of<float>(sums, bucket), sums.storage()}, {part_of<float>(gradients, bucket), gradients.storage()}, ReduceOp::sum,
                                  ReadyEvent::now(), "gradient bucket (fastest)");
}

/// The owners' pieces of a flat buffer to everybody.
Work GradientSync::gather_pieces(const Tensor& flat, const Bucket& bucket, const Pieces& pieces, const ReadyEvent& ready, const char* caller) {
  const std::span<float> all = part_of<float>(flat, bucket);
  return communicator_.all_gather({all.subspan(pieces.first, pieces.count), flat.storage()}, {all, flat.storage()}, pieces.offsets, ready, caller);
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
  for (const ReadyEvent& bucket : pending_) bucket.wait();
  if (!pending_.empty()) {
    const double end_s = now_s();
    overlap_ = {end_s - started_s_, end_s - waiting_since_s};
  }
  pending_.clear();
}

void GradientSync::gather(const Tensor& flat, const char* caller) {
  if (update_ == Update::everywhere) return;
  const double since_s = now_s();
  std::vector<Work> works;
  for (const Bucket& bucket : buckets_) {
    works.push_back(gather_pieces(flat, bucket, Pieces(bucket, sum_, communicator_), ReadyEvent::now(), caller));
  }
  for (const Work& work : works) work.wait();
  const double took_s = now_s() - since_s;
  overlap_ = {overlap_.communicating_s + took_s, overlap_.exposed_s + took_s};
}

}  // namespace tessera::distributed
