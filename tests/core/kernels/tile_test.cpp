// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>

#include "tests/core/kernels/instruction_sets.h"

namespace tessera::test {
namespace {

using cpu::Pieces;
using cpu::Tile;
using cpu::TileKernels;

struct Sizes {
  int64_t rows, columns, outer, inner;
};

class TileCheck {
 public:
  TileCheck(const TileKernels& kernels, const Sizes& sizes, Tile::Store store)
      : kernels_(kernels), sizes_(sizes), width_(kernels.padded(sizes.columns)), out_(noise(sizes.rows * width_, 3)), before_(out_) {
    tile_.rows = sizes.rows, tile_.columns = sizes.columns, tile_.outer = sizes.outer, tile_.inner = sizes.inner;
    tile_.a_inner = 3, tile_.a_row = sizes.inner * 3 + 1, tile_.a_outer = tile_.a_row * sizes.rows;
    tile_.b_inner = width_, tile_.b_outer = width_ * sizes.inner;
    a_ = noise(tile_.a_outer * sizes.outer, 1), b_ = noise(tile_.b_outer * sizes.outer, 2), start_ = noise(width_, 4);
    tile_.a = a_.data(), tile_.b = b_.data(), tile_.start = store == Tile::Store::add ? nullptr : start_.data();
    tile_.out = out_.data(), tile_.out_row = width_, tile_.store = store;
  }

  void run() {
    kernels_.run(tile_);
    for (int64_t row = 0; row < sizes_.rows; ++row) {
      for (int64_t column = 0; column < width_; ++column) check(row, column);
    }
  }

 private:
  double sum(int64_t row, int64_t column) const {
    double sum = tile_.start ? static_cast<double>(start_[static_cast<size_t>(column)]) : 0.0;
    for (int64_t o = 0; o < sizes_.outer; ++o) {
      for (int64_t i = 0; i < sizes_.inner; ++i) {
        sum += static_cast<double>(tile_.a[row * tile_.a_row + o * tile_.a_outer + i * tile_.a_inner]) *
               static_cast<double>(tile_.b[o * tile_.b_outer + i * tile_.b_inner + column]);
      }
    }
    return sum;
  }

  void check(int64_t row, int64_t column) const {
    const auto place = static_cast<size_t>(row * width_ + column);
    if (column >= sizes_.columns) {
      if (tile_.store != Tile::Store::whole) {
        EXPECT_EQ(out_[place], before_[place]) << "behind the columns";
      }
      return;
    }
    const double want = sum(row, column) + (tile_.store == Tile::Store::add ? static_cast<double>(before_[place]) : 0.0);
    EXPECT_NEAR(static_cast<double>(out_[place]), want, 1e-5) << "row " << row << ", column " << column;
  }

  const TileKernels& kernels_;
  Sizes sizes_;
  int64_t width_;
  Tile tile_{};
  std::vector<float> a_, b_, start_, out_, before_;
};

TEST(Tile, EveryBlockAndStoreOfEveryInstructionSet) {
  for (const InstructionSet& set : instruction_sets()) {
    for (int64_t vectors = 1; vectors <= TileKernels::kMostVectors; ++vectors) {
      for (int64_t rows = 1; rows <= set.tiles.most_rows(vectors); ++rows) {
        for (const Tile::Store store : {Tile::Store::whole, Tile::Store::exact, Tile::Store::add}) {
          for (const int64_t missing : {int64_t{0}, int64_t{1}, set.tiles.lanes - 1}) {
            SCOPED_TRACE(set.name + ", " + std::to_string(rows) + " rows of " + std::to_string(vectors) + " vectors less " + std::to_string(missing));
            TileCheck(set.tiles, {rows, vectors * set.tiles.lanes - missing, 2, 5}, store).run();
          }
        }
      }
    }
  }
}

TEST(Tile, NothingToAddLeavesTheStart) {
  for (const InstructionSet& set : instruction_sets()) TileCheck(set.tiles, {2, 3, 1, 0}, Tile::Store::exact).run();
}

TEST(Pieces, CoverTheRangeInAlmostEqualParts) {
  for (int64_t range = 0; range <= 40; ++range) {
    for (int64_t most = 1; most <= 13; ++most) {
      const Pieces pieces(range, most);
      EXPECT_EQ(pieces.count, (range + most - 1) / most);
      int64_t next = 0;
      for (int64_t piece = 0; piece < pieces.count; ++piece) {
        EXPECT_EQ(pieces.begin(piece), next);
        EXPECT_GE(pieces.size(piece), range / pieces.count);
        EXPECT_LE(pieces.size(piece), most);
        next += pieces.size(piece);
      }
      EXPECT_EQ(next, range);
    }
  }
}

}  // namespace
}  // namespace tessera::test
