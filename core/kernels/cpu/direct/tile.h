// SPDX-License-Identifier: Apache-2.0
// The inner kernel of direct convolutions and small matrix products: a block of the result that stays in registers.
#pragma once

#include <cstdint>

namespace tessera::cpu {

/// out[row][column] = start[column] + sum over o < outer, i < inner of a[row * a_row + o * a_outer + i * a_inner] *
/// b[o * b_outer + i * b_inner + column], the terms added in this order (or in two interleaved chains, where the block is small;
/// which, depends on rows and columns alone); then the same for further blocks of as many rows of a and out, by the same b. Steps are in elements.
/// b and start are read, and except under `exact` out is written, in whole vectors: up to lanes - 1 elements behind `columns`.
struct Tile {
  enum class Store : uint8_t {
    whole,  ///< writes something behind `columns`, for the next row to overwrite
    exact,  ///< touches nothing behind `columns`
    add     ///< out += result; what lies behind `columns` keeps its value
  };
  int64_t rows, columns;  ///< rows <= most_rows(vectors), columns <= kMostVectors * lanes
  int64_t outer, inner;
  const float* a;
  int64_t a_row, a_outer, a_inner;
  const float* b;
  int64_t b_outer, b_inner;
  const float* start;  ///< nullptr: zeros
  float* out;
  int64_t out_row;
  Store store;
  int64_t blocks = 1;
  int64_t a_block = 0, out_block = 0;  ///< from one block to the next
};

/// Tiles of one instruction set.
struct TileKernels {
  static constexpr int64_t kMostVectors = 4;
  int64_t lanes;         ///< f32 elements of a vector
  int64_t accumulators;  ///< vectors that a block may have
  void (*run)(const Tile&);

  /// Rows that a block of so many vectors a row may have.
  int64_t most_rows(int64_t vectors) const { return accumulators / vectors; }
  /// Elements of the vectors that hold so many.
  int64_t padded(int64_t elements) const { return (elements + lanes - 1) / lanes * lanes; }
};

/// Those of the instruction set in use.
const TileKernels& tile_kernels();
/// The same, or where so few columns leave half of a vector empty those of the next narrower one, which multiplies as fast.
const TileKernels& tile_kernels_for(int64_t columns);

/// AVX-512.
inline bool has_wide_vectors() { return tile_kernels().lanes >= 16; }

/// A range cut into as few pieces of at most `most` as possible, whose sizes differ by one at most.
struct Pieces {
  int64_t count, smaller, larger_count;  ///< the first `larger_count` pieces have one more than `smaller`

  Pieces(int64_t range, int64_t most)
      : count((range + most - 1) / most), smaller(count > 0 ? range / count : 0), larger_count(count > 0 ? range % count : 0) {}
  int64_t begin(int64_t piece) const { return piece * smaller + (piece < larger_count ? piece : larger_count); }
  int64_t size(int64_t piece) const { return smaller + (piece < larger_count ? 1 : 0); }
};

}  // namespace tessera::cpu
