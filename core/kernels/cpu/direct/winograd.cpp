// SPDX-License-Identifier: Apache-2.0
// Forward, and the gradient of the input: a convolution of the output's gradient by turned weights. Tiles are taken a strip at a time, and of a
// strip a row of points, so that what is transformed is multiplied while it is near. A product's blocks are of one size, more than half of
// the largest, rows without a tile included, so that an element's chain of terms does not depend on where in a batch it stands.
#include "core/kernels/cpu/direct/winograd.h"

#include "core/kernels/cpu/direct/image.h"
#include "core/kernels/cpu/direct/tile.h"
#include "core/kernels/cpu/direct/winograd_grid.h"

namespace tessera::cpu::winograd {
namespace {

struct Problem {
  WinogradGrid grid;  ///< of the result
  int64_t in, out;    ///< channels
  const float* x;
  const float* bias;
  float* y;
  WinogradWeight weight;
};

constexpr int64_t kFewTiles = 16, kManyTiles = 48;  // of a strip
constexpr int64_t kNearWeight = 8192;               // pairs of channels whose points stay in the second cache beside all else
constexpr int64_t kBlockPanels = 4;                 // of terms of one f32 chain: the transforms magnify its error, so that it is shorter than elsewhere

/// Rows of the blocks that hold so many tiles, with as few rows as possible too many; a block of less than half of the largest would add in two chains.
int64_t rows_of_block(const TileKernels& kernels, int64_t tiles) {
  const int64_t most = kernels.most_rows(kWinogradPanel / kernels.lanes);
  return std::max(Pieces(tiles, most).size(0), most / 2 + 1);
}

/// Rows of blocks that hold no tile, of a thousand.
int64_t rows_lost(const TileKernels& kernels, int64_t tiles) {
  const int64_t rows = rows_of_block(kernels, tiles), all = (tiles + rows - 1) / rows * rows;
  return (all - tiles) * 1000 / all;
}

/// Rows of tiles that make a strip. A weight from afar should serve many tiles once it is read; with one that is near, few tiles are better, whose pixels
/// and points stay in the first cache: the fewest of which blocks lose the fewest rows.
int64_t rows_of_strip(const Problem& problem, const TileKernels& kernels) {
  const int64_t most = problem.grid.rows_of_strip(kManyTiles);
  if (problem.in * problem.out > kNearWeight) return most;
  int64_t best = problem.grid.rows_of_strip(kFewTiles);
  for (int64_t rows = best + 1; rows <= most; ++rows) {
    if (rows_lost(kernels, rows * problem.grid.columns) < rows_lost(kernels, best * problem.grid.columns)) best = rows;
  }
  return best;
}

struct Plan {
  const Problem& problem;
  const TileKernels& kernels;
  int64_t strip_rows, room_tiles;
  const float* weight;

  int64_t in_panels() const { return winograd_panels(problem.in); }
  int64_t out_panels() const { return winograd_panels(problem.out); }
  int64_t in_blocks() const { return (in_panels() + kBlockPanels - 1) / kBlockPanels; }
  /// A line behind a panel: their steps are no power of two then, and lie in different places of the cache.
  int64_t panel_step() const { return (room_tiles + 1) * kWinogradPanel; }
  int64_t in_step() const { return in_panels() * panel_step(); }
  int64_t out_step() const { return out_panels() * panel_step(); }
  int64_t weight_panel_step() const { return in_panels() * kWinogradPanel * kWinogradPanel; }
  /// A line more, for the same reason: the transform writes all points of a weight one after the other.
  int64_t weight_step() const { return out_panels() * weight_panel_step() + kWinogradPanel; }

  /// Of a point's tiles with a panel of a weight.
  Tile product(int64_t tiles) const {
    Tile tile{};
    tile.rows = rows_of_block(kernels, tiles), tile.columns = kWinogradPanel;
    tile.inner = kWinogradPanel;
    tile.a_row = kWinogradPanel, tile.a_outer = panel_step(), tile.a_inner = 1;
    tile.b_outer = kWinogradPanel * kWinogradPanel, tile.b_inner = kWinogradPanel;
    tile.out_row = kWinogradPanel;
    tile.blocks = (tiles + tile.rows - 1) / tile.rows;
    tile.a_block = tile.out_block = tile.rows * kWinogradPanel;
    return tile;
  }

  /// A row of points, which is all that `in` and `out` hold; `between` is called after each product.
  template <typename Between>
  void multiply(int row_of_points, Tile tile, const float* in, float* out, Between between) const {
    for (int64_t i = 0; i < kPointsOfRow; ++i) {
      const float* point = weight + (row_of_points * kPointsOfRow + i) * weight_step();
      for (int64_t panel = 0; panel < out_panels(); ++panel) {
        for (int64_t block = 0; block < in_panels(); block += kBlockPanels) {
          tile.outer = std::min(kBlockPanels, in_panels() - block);
          tile.store = block == 0 ? Tile::Store::whole : Tile::Store::add;
          tile.a = in + i * in_step() + block * panel_step();
          tile.b = point + panel * weight_panel_step() + block * tile.b_outer;
          tile.out = out + i * out_step() + panel * panel_step();
          kernels.run(tile);
          between();
        }
      }
    }
  }

  void strip(int64_t number, const float* zeros, float* in, float* out) const {
    const WinogradGrid& grid = problem.grid;
    const WinogradKernels& winograd = winograd_kernels();
    const int64_t first = number * strip_rows, count = std::min(strip_rows, grid.rows() - first), row_elements = grid.columns * kWinogradPanel;
    const int64_t turns = kWinogradPoints * out_panels() * in_blocks();
    const Tile tile = product(count * grid.columns);
    Upcoming next_in = grid.upcoming_input(first + count, count, problem.x, problem.in, turns);
    Upcoming next_out = grid.upcoming_output(first + count, count, problem.y, problem.out, turns);
    for (int row = 0; row < kPointRows; ++row) {
      for (int64_t i = 0; i < count; ++i) {
        winograd.input(row, grid.input(first + i, problem.x, problem.in, zeros), {grid.columns, problem.in, in + i * row_elements, in_step(), panel_step()});
      }
      multiply(row, tile, in, out, [&] { next_in.take_turn(), next_out.take_turn(); });
      for (int64_t i = 0; i < count; ++i) {
        winograd.output(row, {grid.columns, problem.out, out + i * row_elements, out_step(), panel_step()}, grid.output(first + i, problem.y, problem.out, problem.bias));
      }
    }
  }
};

Tensor points_of_weight(const Plan& plan) {
  const Tensor points = direct::scratch(kWinogradPoints * plan.weight_step());
  if (plan.problem.in % kWinogradPanel != 0) fill_zero(points);
  WinogradWeight transform = plan.problem.weight;
  transform.points = points.data<float>();
  transform.point_step = plan.weight_step(), transform.panel_step = plan.weight_panel_step();
  winograd_kernels().weight(transform);
  return points;
}

void run(const Problem& problem) {
  const TileKernels& kernels = tile_kernels();
  const WinogradGrid& grid = problem.grid;
  const int64_t strip_rows = rows_of_strip(problem, kernels);
  const int64_t room = (strip_rows * grid.columns + kernels.accumulators - 1) / kernels.accumulators * kernels.accumulators;
  Plan plan{problem, kernels, strip_rows, room, nullptr};
  const Tensor weight = points_of_weight(plan);
  plan.weight = weight.data<float>();
  const int64_t strips = (grid.rows() + strip_rows - 1) / strip_rows;
  const int threads = direct::threads_for(strips, grid.rows() * grid.columns * kWinogradPoints * problem.in * problem.out);
  const int64_t zeros = grid.in_width * problem.in, in = kPointsOfRow * plan.in_step(), out = kPointsOfRow * plan.out_step();
  const Tensor scratch = direct::scratch(zeros + (in + out) * threads);
  float* base = scratch.data<float>();
  std::fill_n(base, zeros, 0.0f);
  direct::for_each_part(strips, threads, [&](int64_t strip, int thread) {
    float* own = base + zeros + thread * (in + out);
    if (problem.in % kWinogradPanel != 0) std::fill_n(own, in, 0.0f);  // channels that are none; rows without a tile never reach a result
    plan.strip(strip, base, own, own + in);
  });
}

}  // namespace

void forward(const ConvolutionForward& args) {
  const ConvolutionGeometry& g = args.geometry;
  const WinogradGrid grid(g.batch, g.in_height, g.in_width, g.out_height, g.out_width, g.padding_height, g.padding_width);
  run({grid, g.in_channels, g.out_channels, args.x, args.bias, args.y,
       {g.in_channels, g.out_channels, 9, 9 * g.in_channels, false, args.weight, nullptr, 0, 0}});
}

void backward_data(const ConvolutionBackwardData& args) {
  const ConvolutionGeometry& g = args.geometry;
  const WinogradGrid grid(g.batch, g.out_height, g.out_width, g.in_height, g.in_width, 2 - g.padding_height, 2 - g.padding_width);
  run({grid, g.out_channels, g.in_channels, args.dy, nullptr, args.dx,
       {g.out_channels, g.in_channels, 9 * g.in_channels, 9, true, args.weight, nullptr, 0, 0}});
}

}  // namespace tessera::cpu::winograd
