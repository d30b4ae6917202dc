// SPDX-License-Identifier: Apache-2.0
// Compiled with contraction of a * b + c into one instruction, where there is one: an element's chain of terms is the same wherever
// it stands in a block, so that its result still does not depend on its place.
#include <utility>

#include "core/kernels/cpu/simd/vector.h"

TESSERA_ISA_BEGIN
namespace {

#if defined(__AVX512F__)
constexpr int kAccumulators = 24;  // of 32 registers
#else
constexpr int kAccumulators = 12;  // of 16
#endif
constexpr int kVectorsMost = TileKernels::kMostVectors;

template <int kRows, int kVectors>
using Block = Vector[kRows][kVectors];

/// One term of every element. Row r of a lies at bases[r / 3] + r % 3 row steps: addresses that an instruction can form itself.
template <int kRows, int kVectors>
inline __attribute__((always_inline)) void add_terms(Block<kRows, kVectors>& sum, const char* const* bases, int64_t row_bytes, const float* b) {
  Vector weights[kVectors];
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) weights[v] = load<Vector>(b + v * kLanes);
#pragma GCC unroll 24
  for (int r = 0; r < kRows; ++r) {
    const float x = *reinterpret_cast<const float*>(bases[r / 3] + (r % 3) * row_bytes);
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[r][v] += weights[v] * x;
  }
}

template <int kRows, int kVectors>
inline __attribute__((always_inline)) void store_whole(float* out, int64_t out_row, const Block<kRows, kVectors>& sum) {
#pragma GCC unroll 24
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) store(out + r * out_row + v * kLanes, sum[r][v]);
  }
}

template <int kRows, int kVectors>
inline __attribute__((always_inline)) void store_sum(float* out, int64_t out_row, int64_t tail, const Block<kRows, kVectors>& sum) {
#pragma GCC unroll 24
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      float* to = out + r * out_row + v * kLanes;
      store(to, load<Vector>(to) + (v == kVectors - 1 ? first_lanes(sum[r][v], tail) : sum[r][v]));
    }
  }
}

template <int kRows, int kVectors>
inline __attribute__((always_inline)) void finish(const Tile& tile, float* out, const Block<kRows, kVectors>& sum) {
  constexpr int64_t kWidth = kVectors * kLanes;
  if (tile.store == Tile::Store::whole) return store_whole<kRows, kVectors>(out, tile.out_row, sum);
  if (tile.store == Tile::Store::add) return store_sum<kRows, kVectors>(out, tile.out_row, tile.columns - kWidth + kLanes, sum);
  float block[kRows * kWidth];
  store_whole<kRows, kVectors>(block, kWidth, sum);
  for (int64_t r = 0; r < kRows; ++r) {
    for (int64_t c = 0; c < tile.columns; ++c) out[r * tile.out_row + c] = block[r * kWidth + c];
  }
}

template <int kRows, int kVectors>
inline void run_block(const Tile& tile, const float* a, float* out) {
  constexpr int kBases = (kRows + 2) / 3;
  constexpr int kChains = kRows * kVectors <= 6 ? 2 : 1;  // additions take four cycles: fewer than eight chains would wait
  Block<kRows, kVectors> sums[kChains];
#pragma GCC unroll 24
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      sums[0][r][v] = tile.start ? load<Vector>(tile.start + v * kLanes) : Vector{};
      if constexpr (kChains == 2) sums[1][r][v] = Vector{};
    }
  }
  const int64_t row_bytes = tile.a_row * static_cast<int64_t>(sizeof(float)), step_bytes = tile.a_inner * static_cast<int64_t>(sizeof(float));
  for (int64_t o = 0; o < tile.outer; ++o) {
    const char* bases[kBases];
#pragma GCC unroll 8
    for (int i = 0; i < kBases; ++i) bases[i] = reinterpret_cast<const char*>(a + o * tile.a_outer) + 3 * i * row_bytes;
    const float* b = tile.b + o * tile.b_outer;
    const auto step = [&](Block<kRows, kVectors>& sum) __attribute__((always_inline)) {
      add_terms<kRows, kVectors>(sum, bases, row_bytes, b);
#pragma GCC unroll 8
      for (int i = 0; i < kBases; ++i) bases[i] += step_bytes;
      b += tile.b_inner;
    };
    int64_t left = tile.inner;
    for (; left >= kChains; left -= kChains) {
      step(sums[0]);
      if constexpr (kChains == 2) step(sums[1]);
    }
    if (kChains == 2 && left > 0) step(sums[0]);
  }
  if constexpr (kChains == 2) {
#pragma GCC unroll 24
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sums[0][r][v] += sums[1][r][v];
    }
  }
  finish<kRows, kVectors>(tile, out, sums[0]);
}

template <int kRows, int kVectors>
void run_blocks(const Tile& tile) {
  for (int64_t block = 0; block < tile.blocks; ++block) run_block<kRows, kVectors>(tile, tile.a + block * tile.a_block, tile.out + block * tile.out_block);
}

using Run = void (*)(const Tile&);

template <int kVectors, int... kRows>
void run_rows(const Tile& tile, std::integer_sequence<int, kRows...>) {
  static constexpr Run kTable[] = {run_blocks<kRows + 1, kVectors>...};
  kTable[tile.rows - 1](tile);
}

template <int kVectors>
void run_vectors(const Tile& tile) {
  run_rows<kVectors>(tile, std::make_integer_sequence<int, kAccumulators / kVectors>());
}

void run(const Tile& tile) {
  static constexpr Run kTable[kVectorsMost] = {run_vectors<1>, run_vectors<2>, run_vectors<3>, run_vectors<4>};
  kTable[(tile.columns - 1) / kLanes](tile);
}

}  // namespace

TileKernels tile_kernels() { return {kLanes, kAccumulators, run}; }

TESSERA_ISA_END
