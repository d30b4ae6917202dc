// SPDX-License-Identifier: Apache-2.0
// Forward, and the gradient of the input: a convolution of the output's gradient by turned weights. Tiles are taken a strip at a time, and of a
// strip a row of points, so that what is transformed is multiplied while it is in the first cache. A product's blocks are always whole ones,
// rows without a tile included, so that an element's chain of terms does not depend on where in a batch it stands.
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

struct Plan {
  const Problem& problem;
  const TileKernels& kernels;
  int64_t padded_out, strip_rows, room_tiles;
  const float* weight;

  /// One place behind the points: their steps are no power of two then, and their lines lie in different places of the cache.
  int64_t in_step() const { return room_tiles * problem.in + 16; }
  int64_t out_step() const { return room_tiles * padded_out + 16; }

  /// A row of points; `in` holds it alone, `out` all of them.
  void multiply(int row_of_points, int64_t tiles, const float* in, float* out) const {
    const Pieces columns(padded_out / kernels.lanes, TileKernels::kMostVectors);
    Tile tile{};
    tile.outer = 1, tile.inner = problem.in;
    tile.a_row = problem.in, tile.a_inner = 1;
    tile.b_inner = padded_out, tile.out_row = padded_out;
    tile.store = Tile::Store::whole;
    for (int64_t i = 0; i < kPointsOfRow; ++i) {
      const int64_t point = row_of_points * kPointsOfRow + i;
      for (int64_t piece = 0; piece < columns.count; ++piece) {
        const int64_t column = columns.begin(piece) * kernels.lanes;
        tile.columns = columns.size(piece) * kernels.lanes;
        tile.rows = kernels.most_rows(columns.size(piece));
        tile.b = weight + point * problem.in * padded_out + column;
        for (int64_t row = 0; row < tiles; row += tile.rows) {
          tile.a = in + i * in_step() + row * problem.in;
          tile.out = out + point * out_step() + row * padded_out + column;
          kernels.run(tile);
        }
      }
    }
  }

  void strip(int64_t number, const float* zeros, float* in, float* out) const {
    const WinogradGrid& grid = problem.grid;
    const WinogradKernels& winograd = winograd_kernels();
    const int64_t first = number * strip_rows, count = std::min(strip_rows, grid.rows() - first);
    for (int row = 0; row < kPointRows; ++row) {
      for (int64_t i = 0; i < count; ++i) {
        winograd.input(row, grid.input(first + i, problem.x, problem.in, zeros),
                       {grid.columns, problem.in, in + i * grid.columns * problem.in, in_step(), problem.in});
      }
      multiply(row, count * grid.columns, in, out);
    }
    for (int64_t i = 0; i < count; ++i) {
      winograd.output({grid.columns, problem.out, out + i * grid.columns * padded_out, out_step(), padded_out},
                      grid.output(first + i, problem.y, problem.out, problem.bias));
    }
  }
};

void run(const Problem& problem) {
  const TileKernels& kernels = tile_kernels();
  const WinogradGrid& grid = problem.grid;
  const int64_t padded_out = kernels.padded(problem.out);
  const Tensor weight = direct::scratch(kWinogradPoints * problem.in * padded_out);
  if (padded_out > problem.out) fill_zero(weight);
  WinogradWeight transform = problem.weight;
  transform.points = weight.data<float>();
  transform.point_step = problem.in * padded_out, transform.row_step = padded_out;
  winograd_kernels().weight(transform);

  const int64_t strip_rows = grid.rows_of_strip(problem.in + problem.out);
  const int64_t room = (strip_rows * grid.columns + kernels.accumulators - 1) / kernels.accumulators * kernels.accumulators;
  const Plan plan{problem, kernels, padded_out, strip_rows, room, weight.data<float>()};
  const int64_t strips = (grid.rows() + strip_rows - 1) / strip_rows;
  const int threads = direct::threads_for(strips, grid.rows() * grid.columns * kWinogradPoints * problem.in * problem.out);
  const int64_t zeros = grid.in_width * problem.in, in = kPointsOfRow * plan.in_step(), out = kWinogradPoints * plan.out_step();
  const Tensor scratch = direct::scratch(zeros + (in + out) * threads);
  float* base = scratch.data<float>();
  std::fill_n(base, zeros, 0.0f);  // what else is in rows without a tile never reaches a result
  direct::for_each_part(strips, threads, [&](int64_t strip, int thread) {
    float* own = base + zeros + thread * (in + out);
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
