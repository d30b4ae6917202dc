// SPDX-License-Identifier: Apache-2.0
// The gradient of the weight. At each point it is a product [channels, tiles] by [tiles, channels]. Sums are f32 over the strips of a group of
// images, then f64 over groups: what a group holds is fixed, so that the result does not depend on the number of threads.
#include "core/kernels/cpu/direct/image.h"
#include "core/kernels/cpu/direct/tile.h"
#include "core/kernels/cpu/direct/winograd_grid.h"

namespace tessera::cpu::winograd {
namespace {

constexpr int64_t kGroupTiles = 256;  // less would make the sums over groups a matter of time, more one of precision

struct Plan {
  const ConvolutionBackwardWeight& args;
  const ConvolutionGeometry& g;
  const TileKernels& kernels;
  const WinogradGrid& grid;
  int64_t padded_out, group_rows, strip_rows;

  int64_t strip_tiles() const { return strip_rows * grid.columns; }
  /// Not powers of two, so that their lines lie in different places of the cache.
  int64_t in_step() const { return strip_tiles() * g.in_channels + 16; }
  int64_t out_step() const { return strip_tiles() * padded_out + 16; }
  int64_t weight_step() const { return g.in_channels * padded_out; }
  /// [point][in][out], then the bias' [out].
  int64_t sum_elements() const { return kWinogradPoints * weight_step() + padded_out; }

  /// A row of points; `in` and `out` hold it alone, `sums` all of them.
  void multiply(int row_of_points, int64_t tiles, const float* in, const float* out, float* sums) const {
    const Pieces columns(padded_out / kernels.lanes, TileKernels::kMostVectors);
    Tile tile{};
    tile.outer = 1, tile.inner = tiles;
    tile.a_row = 1, tile.a_inner = g.in_channels;
    tile.b_inner = padded_out, tile.out_row = padded_out;
    tile.store = Tile::Store::add;
    for (int64_t i = 0; i < kPointsOfRow; ++i) {
      const int64_t point = row_of_points * kPointsOfRow + i;
      for (int64_t piece = 0; piece < columns.count; ++piece) {
        const int64_t column = columns.begin(piece) * kernels.lanes;
        const Pieces rows(g.in_channels, kernels.most_rows(columns.size(piece)));
        tile.columns = columns.size(piece) * kernels.lanes;
        tile.b = out + i * out_step() + column;
        for (int64_t block = 0; block < rows.count; ++block) {
          tile.rows = rows.size(block);
          tile.a = in + i * in_step() + rows.begin(block);
          tile.out = sums + point * weight_step() + rows.begin(block) * padded_out + column;
          kernels.run(tile);
        }
      }
    }
  }

  /// The second point of the second row holds the sum of a tile's four pixels.
  void add_bias(int64_t tiles, const float* out, float* sums) const {
    const float one = 1.0f;
    const float* points = out + out_step();
    const Pieces columns(padded_out / kernels.lanes, TileKernels::kMostVectors);
    Tile tile{};
    tile.rows = tile.outer = 1, tile.inner = tiles;
    tile.a = &one, tile.b_inner = padded_out;
    tile.store = Tile::Store::add;
    for (int64_t piece = 0; piece < columns.count; ++piece) {
      const int64_t column = columns.begin(piece) * kernels.lanes;
      tile.columns = columns.size(piece) * kernels.lanes;
      tile.b = points + column, tile.out = sums + column;
      kernels.run(tile);
    }
  }

  void group(int64_t number, const float* zeros, float* in, float* out, float* sums) const {
    const WinogradKernels& winograd = winograd_kernels();
    const int64_t end = std::min(grid.rows(), (number + 1) * group_rows);
    for (int64_t first = number * group_rows; first < end; first += strip_rows) {
      const int64_t count = std::min(strip_rows, end - first);
      for (int row = 0; row < kPointRows; ++row) {
        for (int64_t i = 0; i < count; ++i) {
          winograd.input(row, grid.input(first + i, args.x, g.in_channels, zeros),
                         {grid.columns, g.in_channels, in + i * grid.columns * g.in_channels, in_step(), g.in_channels});
          const WinogradOutput rows = grid.output(first + i, const_cast<float*>(args.dy), g.out_channels, nullptr);
          winograd.gradient(row, {rows.rows[0], rows.rows[1] ? rows.rows[1] : zeros}, g.out_width,
                            {grid.columns, g.out_channels, out + i * grid.columns * padded_out, out_step(), padded_out});
        }
        multiply(row, count * grid.columns, in, out, sums);
        if (args.dbias && row == 1) add_bias(count * grid.columns, out, sums + kWinogradPoints * weight_step());
      }
    }
  }

  /// Four points to three places; the points in the middle are twice what they should be.
  static void take_back(const double (&points)[4], double (&places)[3]) {
    const double sum = 0.5 * (points[1] + points[2]);
    places[0] = points[0] + sum;
    places[1] = 0.5 * (points[1] - points[2]);
    places[2] = sum - points[3];
  }

  void finish(const double* totals) const {
    for (int64_t out = 0; out < g.out_channels; ++out) {
      for (int64_t in = 0; in < g.in_channels; ++in) {
        const double* at = totals + in * padded_out + out;
        double rows[4][3];
        for (int64_t row = 0; row < 4; ++row) {
          take_back({at[4 * row * weight_step()], at[(4 * row + 1) * weight_step()], at[(4 * row + 2) * weight_step()], at[(4 * row + 3) * weight_step()]},
                    rows[row]);
        }
        for (int64_t kx = 0; kx < 3; ++kx) {
          double places[3];
          take_back({rows[0][kx], rows[1][kx], rows[2][kx], rows[3][kx]}, places);
          for (int64_t ky = 0; ky < 3; ++ky) args.dweight[(out * g.in_channels + in) * 9 + 3 * ky + kx] = static_cast<float>(places[ky]);
        }
      }
      if (args.dbias) args.dbias[out] = static_cast<float>(totals[kWinogradPoints * weight_step() + out]);
    }
  }
};

}  // namespace

void backward_weight(const ConvolutionBackwardWeight& args) {
  const ConvolutionGeometry& g = args.geometry;
  const TileKernels& kernels = tile_kernels();
  const WinogradGrid grid(g.batch, g.in_height, g.in_width, g.out_height, g.out_width, g.padding_height, g.padding_width);
  const int64_t strip_rows = grid.rows_of_strip(g.in_channels + g.out_channels);
  const int64_t group_rows = std::max<int64_t>(1, kGroupTiles / (strip_rows * grid.columns)) * strip_rows;
  const Plan plan{args, g, kernels, grid, kernels.padded(g.out_channels), group_rows, strip_rows};
  const int64_t groups = (grid.rows() + group_rows - 1) / group_rows;
  const int threads = direct::threads_for(groups, grid.rows() * grid.columns * kWinogradPoints * g.in_channels * g.out_channels);
  const int64_t zeros = std::max(g.in_width * g.in_channels, g.out_width * g.out_channels);
  const int64_t in = kPointsOfRow * plan.in_step(), out = kPointsOfRow * plan.out_step();
  const Tensor scratch = direct::scratch(zeros + (in + out) * threads), sums = direct::scratch(threads * plan.sum_elements());
  const Tensor totals = direct::scratch(2 * plan.sum_elements());  // of f64
  double* total = reinterpret_cast<double*>(totals.bytes());
  fill_zero(totals);
  float* base = scratch.data<float>();
  std::fill_n(base, zeros, 0.0f);  // padded columns never reach a result
  for (int64_t first = 0; first < groups; first += threads) {
    const int64_t count = std::min<int64_t>(threads, groups - first);
    fill_zero(sums);
    direct::for_each_part(count, threads, [&](int64_t part, int) {
      float* own = base + zeros + part * (in + out);
      plan.group(first + part, base, own, own + in, sums.data<float>() + part * plan.sum_elements());
    });
    for (int64_t part = 0; part < count; ++part) {
      winograd_kernels().add_to(plan.sum_elements(), sums.data<float>() + part * plan.sum_elements(), total);
    }
  }
  plan.finish(total);
}

}  // namespace tessera::cpu::winograd
