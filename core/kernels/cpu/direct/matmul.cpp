// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/cpu/direct/matmul.h"

#include <algorithm>

#include "core/kernels/cpu/direct/tile.h"

namespace tessera::cpu::direct {
namespace {

constexpr int64_t kMostMultiplications = 1 << 13;
constexpr int64_t kMostPacked_elements = 1 << 12;  // on the stack
constexpr int64_t kMostLanes = 16;

/// b and bias as the blocks read them: [k, n] and [n], with rows of whole vectors.
void pack(const Matmul& args, int64_t padded, float* b, float* bias) {
  if (padded > args.n) std::fill_n(b, args.k * padded, 0.0f);
  if (args.transpose_b) {
    for (int64_t column = 0; column < args.n; ++column) {
      for (int64_t i = 0; i < args.k; ++i) b[i * padded + column] = args.b[column * args.k + i];
    }
  } else {
    for (int64_t i = 0; i < args.k; ++i) std::copy_n(args.b + i * args.n, args.n, b + i * padded);
  }
  if (args.bias) std::fill(std::copy_n(args.bias, args.n, bias), bias + padded, 0.0f);
}

}  // namespace

bool is_small(const Matmul& args) {
  const int64_t row = args.n + kMostLanes;
  return !args.add && args.m * args.n * args.k <= kMostMultiplications && std::max<int64_t>(args.k, 1) * row <= kMostPacked_elements;
}

void matmul(const Matmul& args) {
  const TileKernels& kernels = tile_kernels_for(args.n);
  const int64_t padded = kernels.padded(args.n);
  float packed[kMostPacked_elements], bias[kMostPacked_elements];
  const bool in_place = !args.transpose_b && padded == args.n;
  if (!in_place) pack(args, padded, packed, bias);
  Tile tile{};
  tile.outer = 1, tile.inner = args.k;
  tile.a_row = args.transpose_a ? 1 : args.k, tile.a_inner = args.transpose_a ? args.m : 1;
  tile.b_inner = padded;
  tile.out_row = args.n;
  const Pieces columns(padded / kernels.lanes, TileKernels::kMostVectors);
  for (int64_t piece = 0; piece < columns.count; ++piece) {
    const int64_t column = columns.begin(piece) * kernels.lanes;
    const Pieces rows(args.m, kernels.most_rows(columns.size(piece)));
    tile.columns = std::min(args.n - column, columns.size(piece) * kernels.lanes);
    tile.b = (in_place ? args.b : packed) + column;
    if (args.bias) tile.start = (in_place ? args.bias : bias) + column;
    tile.store = tile.columns % kernels.lanes == 0 ? Tile::Store::whole : Tile::Store::exact;
    for (int64_t block = 0; block < rows.count; ++block) {
      const int64_t row = rows.begin(block);
      tile.rows = rows.size(block);
      tile.a = args.a + row * tile.a_row;
      tile.out = args.out + row * args.n + column;
      kernels.run(tile);
    }
  }
}

}  // namespace tessera::cpu::direct
