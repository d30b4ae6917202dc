// SPDX-License-Identifier: Apache-2.0
// Backward: the probabilities of a block are computed again from the scores and the logarithms that forward kept.
#include "core/kernels/cpu/simd/attention_blocks.h"

TESSERA_ISA_BEGIN
namespace {

/// The gradients of a key head, and of one of its query heads after the other.
class HeadBackward {
 public:
  HeadBackward(const AttentionBackward& args, int64_t sample, int64_t key_head, Scratch scratch)
      : args_(args),
        geometry_(args.geometry),
        visible_(args.geometry, args.lengths, sample),
        sample_(sample),
        key_head_(key_head),
        width_(args.geometry.width),
        padded_(padded_width(args.geometry)),
        queries_(scratch.take(geometry_.queries * padded_)),
        dout_(scratch.take(geometry_.queries * padded_)),
        dqueries_(scratch.take(geometry_.queries * padded_)),
        dkeys_(scratch.zeros(blocks_of(geometry_.keys, kKeyRows) * kKeyRows * padded_)),
        dvalues_(scratch.zeros(blocks_of(geometry_.keys, kKeyRows) * kKeyRows * padded_)),
        offsets_(scratch.take(geometry_.queries)),
        key_rows_(scratch.take(kKeyRows * padded_)),
        key_columns_(scratch.take(kKeyRows * width_)),
        value_columns_(scratch.take(kKeyRows * width_)),
        probabilities_(scratch.take(kScores)),
        kept_(args.dropout.probability > 0.0f ? scratch.take(kScores) : probabilities_),
        dscores_(scratch.take(kScores)) {}

  static int64_t scratch_elements(const AttentionGeometry& geometry) {
    const int64_t padded = padded_width(geometry);
    return (3 * geometry.queries + 2 * blocks_of(geometry.keys, kKeyRows) * kKeyRows + kKeyRows) * padded + geometry.queries +
           2 * kKeyRows * geometry.width + 3 * kScores;
  }

  void run() {
    const int64_t group = geometry_.heads / geometry_.key_heads;
    for (head_ = key_head_ * group; head_ < (key_head_ + 1) * group; ++head_) add_query_head();
    unpack(dkeys_, geometry_.keys, head_of(args_.dk, sample_, key_head_), args_.dk.row);
    unpack(dvalues_, geometry_.keys, head_of(args_.dv, sample_, key_head_), args_.dv.row);
  }

 private:
  void add_query_head() {
    pack_queries();
    const float *k = head_of(args_.k, sample_, key_head_), *v = head_of(args_.v, sample_, key_head_);
    for (int64_t key = 0; key < visible_.length(); key += kKeyRows) {
      const int64_t count = std::min(kKeyRows, visible_.length() - key);
      pack_rows(k + key * args_.k.row, args_.k.row, count, width_, padded_, key_rows_);
      pack_columns(k + key * args_.k.row, args_.k.row, count, width_, key_columns_);
      pack_columns(v + key * args_.v.row, args_.v.row, count, width_, value_columns_);
      const int64_t first = visible_.first_query(key) / kQueryRows * kQueryRows;
      for (int64_t query = first; query < geometry_.queries; query += kQueryRows) add_block(query, key, count);
    }
    unpack(dqueries_, geometry_.queries, head_of(args_.dq, sample_, head_), args_.dq.row);
  }

  /// The offset of a row of scores' gradients is sum(dout * out), which is the sum of probability times its gradient.
  void pack_queries() {
    pack_rows(head_of(args_.q, sample_, head_), args_.q.row, geometry_.queries, width_, padded_, queries_);
    pack_rows(head_of(args_.dout, sample_, head_), args_.dout.row, geometry_.queries, width_, padded_, dout_);
    std::fill_n(dqueries_, geometry_.queries * padded_, 0.0f);
    const float* out = head_of(args_.out, sample_, head_);
    for (int64_t query = 0; query < geometry_.queries; ++query) {
      const float *y = out + query * args_.out.row, *dy = dout_ + query * padded_;
      offsets_[query] =
          static_cast<float>(row_sum(width_, [=](auto kind, int64_t c) { return load<decltype(kind)>(y + c) * load<decltype(kind)>(dy + c); }));
    }
  }

  void add_block(int64_t query, int64_t key, int64_t count) {
    const int64_t rows = std::min(kQueryRows, geometry_.queries - query);
    const float *q = queries_ + query * padded_, *dout = dout_ + query * padded_;
    multiply({rows, kKeyRows, width_, q, padded_, 1, key_columns_, kKeyRows, probabilities_, kKeyRows, false});
    for (int64_t row = 0; row < rows; ++row) find_probabilities(query, key, row);
    multiply({count, padded_, rows, kept_, 1, kKeyRows, dout, padded_, dvalues_ + key * padded_, padded_, true});
    multiply({rows, kKeyRows, width_, dout, padded_, 1, value_columns_, kKeyRows, dscores_, kKeyRows, false});
    for (int64_t row = 0; row < rows; ++row) find_score_gradients(row, offsets_[query + row]);
    multiply({count, padded_, rows, dscores_, 1, kKeyRows, q, padded_, dkeys_ + key * padded_, padded_, true});
    multiply({rows, padded_, count, dscores_, kKeyRows, 1, key_rows_, padded_, dqueries_ + query * padded_, padded_, true});
  }

  void find_probabilities(int64_t query, int64_t key, int64_t row) {
    float* p = probabilities_ + row * kKeyRows;
    const int64_t count = std::clamp<int64_t>(visible_.to(query + row) - key, 0, kKeyRows);
    const int64_t place = (sample_ * geometry_.heads + head_) * geometry_.queries + query + row;
    const float scale = geometry_.scale, logarithm = args_.logarithms[place];
#pragma GCC ivdep
    for (int64_t j = 0; j < count; ++j) p[j] = exp_nonpositive_f32(p[j] * scale - logarithm);
    std::fill(p + count, p + kKeyRows, 0.0f);
    if (kept_ == probabilities_) return;
    float* kept = kept_ + row * kKeyRows;
    std::copy_n(p, kKeyRows, kept);
    drop(args_.dropout, static_cast<uint64_t>(place), blocks_of(geometry_.keys, kKeyRows), key / kKeyRows, kept);
  }

  void find_score_gradients(int64_t row, float offset) {
    const float *p = probabilities_ + row * kKeyRows, *kept = kept_ + row * kKeyRows;
    float* ds = dscores_ + row * kKeyRows;
#pragma GCC ivdep
    for (int64_t j = 0; j < kKeyRows; ++j) ds[j] = (kept[j] * ds[j] - p[j] * offset) * geometry_.scale;
  }

  void unpack(const float* from, int64_t rows, float* to, int64_t row_step) const {
    for (int64_t row = 0; row < rows; ++row) std::copy_n(from + row * padded_, width_, to + row * row_step);
  }

  const AttentionBackward& args_;
  const AttentionGeometry& geometry_;
  Visible visible_;
  int64_t sample_, key_head_, head_ = 0, width_, padded_;
  float *queries_, *dout_, *dqueries_;                       // [queries, padded] of the query head
  float *dkeys_, *dvalues_;                                  // [keys, padded], over the query heads
  float* offsets_;                                           // [queries]
  float *key_rows_, *key_columns_, *value_columns_;          // of the block of keys
  float *probabilities_, *kept_, *dscores_;                  // [kQueryRows, kKeyRows]; kept: after dropout
};

}  // namespace

int64_t attention_backward_scratch(const AttentionGeometry& geometry) { return omp_get_max_threads() * HeadBackward::scratch_elements(geometry); }

void attention_backward(const AttentionBackward& args) {
  const AttentionGeometry& geometry = args.geometry;
  const int64_t size = HeadBackward::scratch_elements(geometry);
  parallel_for(geometry.samples * geometry.key_heads, geometry.queries * geometry.keys, [&](int64_t i) {
    HeadBackward(args, i / geometry.key_heads, i % geometry.key_heads, Scratch(args.scratch + omp_get_thread_num() * size)).run();
  });
}

TESSERA_ISA_END
