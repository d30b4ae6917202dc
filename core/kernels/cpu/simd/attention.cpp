// SPDX-License-Identifier: Apache-2.0
// Forward: the maximum and the sum of a row's exponentials run along with the blocks of keys (Milakov and Gimelshein 2018).
#include "core/kernels/cpu/simd/attention_blocks.h"

TESSERA_ISA_BEGIN
namespace {

/// A query's row while its keys come block by block: sum of exp((score - largest) * scale).
struct RunningRow {
  float largest = -__builtin_inff();
  float sum = 0.0f;
};

/// Turns the first `count` scores of a block into exponentials, the others into zeros. Returns what the row's former terms are to be multiplied by.
float exponentiate(float* scores, int64_t count, float scale, RunningRow& row) {
  if (count <= 0) {
    std::fill_n(scores, kKeyRows, 0.0f);
    return 1.0f;
  }
  const float before = row.largest, largest = std::max(before, row_maximum(scores, count));
#pragma GCC ivdep
  for (int64_t j = 0; j < count; ++j) scores[j] = exp_nonpositive_f32((scores[j] - largest) * scale);
  std::fill(scores + count, scores + kKeyRows, 0.0f);
  const float factor = before == largest ? 1.0f : exp_nonpositive_f32((before - largest) * scale);
  row.largest = largest;
  row.sum = row.sum * factor + block_sum(0, count, [=](auto kind, int64_t j) { return load<decltype(kind)>(scores + j); });
  return factor;
}

/// The keys and values of a head, packed.
struct PackedKeys {
  float *keys, *values;

  PackedKeys(const AttentionForward& args, int64_t length, int64_t sample, int64_t head, Scratch& scratch) {
    const AttentionGeometry& geometry = args.geometry;
    const int64_t blocks = blocks_of(geometry.keys, kKeyRows), padded = padded_width(geometry);
    keys = scratch.take(blocks * kKeyRows * geometry.width);
    values = scratch.take(blocks * kKeyRows * padded);
    const float* k = head_of(args.k, sample, head);
    for (int64_t begin = 0; begin < length; begin += kKeyRows) {
      pack_columns(k + begin * args.k.row, args.k.row, std::min(kKeyRows, length - begin), geometry.width, keys + begin * geometry.width);
    }
    pack_rows(head_of(args.v, sample, head), args.v.row, length, geometry.width, padded, values);
  }
};

/// A block of queries of one head against all keys they see.
class QueryBlock {
 public:
  QueryBlock(const AttentionForward& args, const PackedKeys& packed, const Visible& visible, Scratch scratch)
      : args_(args),
        packed_(packed),
        visible_(visible),
        padded_(padded_width(args.geometry)),
        queries_(scratch.take(kQueryRows * padded_)),
        scores_(scratch.take(kScores)),
        sums_(scratch.take(kQueryRows * padded_)) {}

  void run(int64_t sample, int64_t head, int64_t begin) {
    const AttentionGeometry& geometry = args_.geometry;
    begin_ = begin, rows_ = std::min(kQueryRows, geometry.queries - begin);
    first_row_ = (sample * geometry.heads + head) * geometry.queries + begin;
    pack_rows(head_of(args_.q, sample, head) + begin * args_.q.row, args_.q.row, rows_, geometry.width, padded_, queries_);
    std::fill_n(sums_, rows_ * padded_, 0.0f);
    std::fill_n(running_, rows_, RunningRow());
    const int64_t seen = visible_.to(begin + rows_ - 1);
    for (int64_t key = 0; key < seen; key += kKeyRows) add_keys(key, std::min(kKeyRows, seen - key));
    finish(head_of(args_.out, sample, head) + begin * args_.out.row);
  }

 private:
  void add_keys(int64_t key, int64_t count) {
    const AttentionGeometry& geometry = args_.geometry;
    multiply({rows_, kKeyRows, geometry.width, queries_, padded_, 1, packed_.keys + key * geometry.width, kKeyRows, scores_, kKeyRows, false});
    for (int64_t row = 0; row < rows_; ++row) {
      float *scores = scores_ + row * kKeyRows, *sums = sums_ + row * padded_;
      const float factor = exponentiate(scores, std::min(kKeyRows, visible_.to(begin_ + row) - key), geometry.scale, running_[row]);
      if (factor != 1.0f) {
        for (int64_t c = 0; c < padded_; ++c) sums[c] *= factor;
      }
      if (args_.dropout.probability > 0.0f) {
        drop(args_.dropout, static_cast<uint64_t>(first_row_ + row), blocks_of(geometry.keys, kKeyRows), key / kKeyRows, scores);
      }
    }
    multiply({rows_, padded_, count, scores_, kKeyRows, 1, packed_.values + key * padded_, padded_, sums_, padded_, true});
  }

  void finish(float* out) {
    for (int64_t row = 0; row < rows_; ++row) {
      const float scale = 1.0f / running_[row].sum;
      const float* sums = sums_ + row * padded_;
      for (int64_t c = 0; c < args_.geometry.width; ++c) out[row * args_.out.row + c] = sums[c] * scale;
      args_.logarithms[first_row_ + row] = running_[row].largest * args_.geometry.scale + std::log(running_[row].sum);
    }
  }

  const AttentionForward& args_;
  const PackedKeys& packed_;
  const Visible& visible_;
  int64_t padded_;
  float *queries_, *scores_, *sums_;
  RunningRow running_[kQueryRows];
  int64_t begin_ = 0, rows_ = 0, first_row_ = 0;
};

int64_t thread_scratch(const AttentionGeometry& geometry) {
  const int64_t padded = padded_width(geometry);
  return blocks_of(geometry.keys, kKeyRows) * kKeyRows * (geometry.width + padded) + 2 * kQueryRows * padded + kScores;
}

int64_t forward_scratch(const AttentionGeometry& geometry) { return omp_get_max_threads() * thread_scratch(geometry); }

void forward_head(const AttentionForward& args, int64_t sample, int64_t key_head, Scratch scratch) {
  const AttentionGeometry& geometry = args.geometry;
  const Visible visible(geometry, args.lengths, sample);
  const PackedKeys packed(args, visible.length(), sample, key_head, scratch);
  QueryBlock block(args, packed, visible, scratch);
  const int64_t group = geometry.heads / geometry.key_heads;
  for (int64_t head = key_head * group; head < (key_head + 1) * group; ++head) {
    for (int64_t query = 0; query < geometry.queries; query += kQueryRows) block.run(sample, head, query);
  }
}

void attention_forward(const AttentionForward& args) {
  const AttentionGeometry& geometry = args.geometry;
  const int64_t size = thread_scratch(geometry);
  parallel_for(geometry.samples * geometry.key_heads, geometry.queries * geometry.keys, [&](int64_t i) {
    forward_head(args, i / geometry.key_heads, i % geometry.key_heads, Scratch(args.scratch + omp_get_thread_num() * size));
  });
}

}  // namespace

AttentionKernels attention_kernels() { return {forward_scratch, attention_backward_scratch, attention_forward, attention_backward}; }

TESSERA_ISA_END
