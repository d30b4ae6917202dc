// SPDX-License-Identifier: Apache-2.0
// What both directions of attention are made of: blocks of queries and keys that stay in the first caches, and products of them.
#pragma once

#include <algorithm>
#include <cmath>

#include "core/kernels/attention.h"
#include "core/kernels/cpu/simd/math.h"
#include "core/kernels/cpu/simd/philox.h"
#include "core/kernels/cpu/simd/row.h"

TESSERA_ISA_BEGIN
namespace {

constexpr int64_t kQueryRows = 48, kKeyRows = 64;
constexpr int64_t kScores = kQueryRows * kKeyRows;
constexpr int64_t kPhiloxBlocks = kKeyRows / 4;

inline int64_t blocks_of(int64_t rows, int64_t block) { return (rows + block - 1) / block; }
/// Heads are kept in rows of whole vectors, zero behind `width`.
inline int64_t padded_width(const AttentionGeometry& geometry) { return blocks_of(geometry.width, kLanes) * kLanes; }

/// Hands out pieces of a thread's scratch memory.
class Scratch {
 public:
  explicit Scratch(float* begin) : next_(begin) {}
  float* take(int64_t elements) {
    float* piece = next_;
    next_ += elements;
    return piece;
  }
  float* zeros(int64_t elements) {
    float* piece = take(elements);
    std::fill_n(piece, elements, 0.0f);
    return piece;
  }

 private:
  float* next_;
};

/// out[rows, columns] = or += a b, a being [rows, inner] with any steps, b and out of rows of whole vectors.
struct BlockProduct {
  int64_t rows, columns, inner;  ///< columns: whole vectors
  const float* a;
  int64_t a_row, a_inner;
  const float* b;
  int64_t b_row;
  float* out;
  int64_t out_row;
  bool add;
};

inline void multiply(const BlockProduct& product) {
  const TileKernels kernels = tile_kernels();
  Tile tile{};
  tile.outer = 1, tile.inner = product.inner;
  tile.a_row = product.a_row, tile.a_inner = product.a_inner;
  tile.b_inner = product.b_row, tile.out_row = product.out_row;
  tile.store = product.add ? Tile::Store::add : Tile::Store::whole;
  const Pieces columns(product.columns / kLanes, TileKernels::kMostVectors);
  for (int64_t piece = 0; piece < columns.count; ++piece) {
    const int64_t column = columns.begin(piece) * kLanes;
    const Pieces rows(product.rows, kernels.most_rows(columns.size(piece)));
    tile.columns = columns.size(piece) * kLanes;
    tile.b = product.b + column;
    for (int64_t block = 0; block < rows.count; ++block) {
      tile.rows = rows.size(block);
      tile.a = product.a + rows.begin(block) * product.a_row;
      tile.out = product.out + rows.begin(block) * product.out_row + column;
      kernels.run(tile);
    }
  }
}

template <typename Element>
inline Element* head_of(const Heads<Element>& heads, int64_t sample, int64_t head) {
  return heads.data + sample * heads.sample + head * heads.head;
}

/// Rows of a head, [rows, padded].
inline void pack_rows(const float* from, int64_t row_step, int64_t rows, int64_t width, int64_t padded, float* to) {
  for (int64_t row = 0; row < rows; ++row) std::fill(std::copy_n(from + row * row_step, width, to + row * padded), to + (row + 1) * padded, 0.0f);
}

/// At most a block of keys, [width, kKeyRows].
inline void pack_columns(const float* from, int64_t row_step, int64_t rows, int64_t width, float* to) {
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t c = 0; c < width; ++c) to[c * kKeyRows + row] = from[row * row_step + c];
  }
  if (rows == kKeyRows) return;
  for (int64_t c = 0; c < width; ++c) std::fill(to + c * kKeyRows + rows, to + (c + 1) * kKeyRows, 0.0f);
}

/// The keys that a query sees are the first so many.
class Visible {
 public:
  Visible(const AttentionGeometry& geometry, const int64_t* lengths, int64_t sample)
      : length_(lengths ? lengths[sample] : geometry.keys), ahead_(geometry.causal ? geometry.keys - geometry.queries + 1 : geometry.keys) {}

  int64_t to(int64_t query) const { return std::min(length_, query + ahead_); }
  /// The first query that may see a key.
  int64_t first_query(int64_t key) const { return std::max<int64_t>(0, key - ahead_ + 1); }
  int64_t length() const { return length_; }

 private:
  int64_t length_, ahead_;
};

/// Multiplies a block of probabilities of one query, drawing what is kept.
inline void drop(const AttentionDropout& dropout, uint64_t row, int64_t key_blocks, int64_t key_block, float* probabilities) {
  uint32_t random[4][kPhiloxBlocks];
  const uint64_t first = (row * static_cast<uint64_t>(key_blocks) + static_cast<uint64_t>(key_block)) * kPhiloxBlocks;
  philox_blocks(dropout.key, first, dropout.use, dropout.quantum, dropout.step, random);
  const float scale = 1.0f / (1.0f - dropout.probability);
  for (int64_t word = 0; word < 4; ++word) {
    float* part = probabilities + word * kPhiloxBlocks;
    for (int64_t i = 0; i < kPhiloxBlocks; ++i) part[i] *= uniform_f32(random[word][i]) >= dropout.probability ? scale : 0.0f;
  }
}

}  // namespace
TESSERA_ISA_END
