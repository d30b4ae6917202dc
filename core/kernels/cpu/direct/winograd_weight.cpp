// SPDX-License-Identifier: Apache-2.0
// The gradient of the weight. At each point it is a product [channels, tiles] by [tiles, channels]. Sums are f32 over the strips of a group of
// images, then f64 over groups: what a group holds is fixed, so that the result does not depend on the number of threads.
#include "core/kernels/cpu/direct/image.h"
#include "core/kernels/cpu/direct/tile.h"
#include "core/kernels/cpu/direct/winograd_grid.h"

namespace tessera::cpu::winograd {
namespace {

/// Tiles that are summed in f32: fewer would make the sums over groups a matter of time, more one of precision.
int64_t group_tiles(const ConvolutionGeometry& g) { return std::max<int64_t>(256, g.in_channels * g.out_channels / 64); }

/// Tiles of a strip: the more, the less often all sums are read and written; but where those stay in the first cache, the points should, too.
int64_t strip_tiles(const ConvolutionGeometry& g) { return g.in_channels * g.out_channels <= 256 ? 16 : 96; }

struct Plan {
  const ConvolutionBackwardWeight& args;
  const ConvolutionGeometry& g;
  const TileKernels& kernels;
  const WinogradGrid& grid;
  int64_t group_rows, strip_rows;

  int64_t in_panels() const { return winograd_panels(g.in_channels); }
  int64_t out_panels() const { return winograd_panels(g.out_channels); }
  int64_t panel_step() const { return (strip_rows * grid.columns + 1) * kWinogradPanel; }
  int64_t in_step() const { return in_panels() * panel_step(); }
  int64_t out_step() const { return out_panels() * panel_step(); }
  int64_t sums_panel_step() const { return g.in_channels * kWinogradPanel; }
  /// A line more than the panels, so that the points of a weight lie in different places of the cache.
  int64_t sums_step() const { return out_panels() * sums_panel_step() + kWinogradPanel; }
  /// [point][out panel][in][out within the panel], then the bias' [out].
  int64_t sum_elements() const { return kWinogradPoints * sums_step() + out_panels() * kWinogradPanel; }

  /// A row of points; `in` and `out` hold it alone, `sums` all of them. `between` is called after the products of two panels.
  template <typename Between>
  void multiply(int row_of_points, int64_t tiles, const float* in, const float* out, float* sums, Between between) const {
    Tile tile{};
    tile.columns = kWinogradPanel;
    tile.outer = 1, tile.inner = tiles;
    tile.a_row = 1, tile.a_inner = kWinogradPanel;
    tile.b_inner = kWinogradPanel, tile.out_row = kWinogradPanel;
    tile.store = Tile::Store::add;
    for (int64_t i = 0; i < kPointsOfRow; ++i) {
      float* point = sums + (row_of_points * kPointsOfRow + i) * sums_step();
      for (int64_t panel = 0; panel < out_panels(); ++panel) {
        tile.b = out + i * out_step() + panel * panel_step();
        for (int64_t channel = 0; channel < g.in_channels; channel += kWinogradPanel) {
          const Pieces rows(std::min(kWinogradPanel, g.in_channels - channel), kernels.most_rows(kWinogradPanel / kernels.lanes));
          for (int64_t block = 0; block < rows.count; ++block) {
            tile.rows = rows.size(block);
            tile.a = in + i * in_step() + channel / kWinogradPanel * panel_step() + rows.begin(block);
            tile.out = point + panel * sums_panel_step() + (channel + rows.begin(block)) * kWinogradPanel;
            kernels.run(tile);
          }
          between();
        }
      }
    }
  }

  /// The second point of the second row holds the sum of a tile's four pixels.
  void add_bias(int64_t tiles, const float* out, float* sums) const {
    const float one = 1.0f;
    Tile tile{};
    tile.rows = tile.outer = 1, tile.inner = tiles;
    tile.columns = kWinogradPanel;
    tile.a = &one, tile.b_inner = kWinogradPanel;
    tile.store = Tile::Store::add;
    for (int64_t panel = 0; panel < out_panels(); ++panel) {
      tile.b = out + out_step() + panel * panel_step(), tile.out = sums + panel * kWinogradPanel;
      kernels.run(tile);
    }
  }

  void group(int64_t number, const float* zeros, float* in, float* out, float* sums) const {
    const WinogradKernels& winograd = winograd_kernels();
    const int64_t end = std::min(grid.rows(), (number + 1) * group_rows), row_elements = grid.columns * kWinogradPanel;
    for (int64_t first = number * group_rows; first < end; first += strip_rows) {
      const int64_t count = std::min(strip_rows, end - first);
      const int64_t turns = kWinogradPoints * out_panels() * in_panels();
      Upcoming next_in = grid.upcoming_input(first + count, count, args.x, g.in_channels, turns);
      Upcoming next_out = grid.upcoming_output(first + count, count, args.dy, g.out_channels, turns);
      for (int row = 0; row < kPointRows; ++row) {
        for (int64_t i = 0; i < count; ++i) {
          winograd.input(row, grid.input(first + i, args.x, g.in_channels, zeros),
                         {grid.columns, g.in_channels, in + i * row_elements, in_step(), panel_step()});
          const WinogradOutput rows = grid.output(first + i, const_cast<float*>(args.dy), g.out_channels, nullptr);
          winograd.gradient(row, {rows.rows[0], rows.rows[1] ? rows.rows[1] : zeros}, g.out_width,
                            {grid.columns, g.out_channels, out + i * row_elements, out_step(), panel_step()});
        }
        multiply(row, count * grid.columns, in, out, sums, [&] { next_in.take_turn(), next_out.take_turn(); });
        if (args.dbias && row == 1) add_bias(count * grid.columns, out, sums + kWinogradPoints * sums_step());
      }
    }
  }

  /// `only`: sums of the only group; nullptr where there are totals of several.
  void finish(const float* only, const double* totals) const {
    winograd_kernels().weight_gradient({g.in_channels, g.out_channels, only, totals, sums_step(), sums_panel_step(), args.dweight});
    const int64_t bias = kWinogradPoints * sums_step();
    for (int64_t out = 0; args.dbias && out < g.out_channels; ++out) args.dbias[out] = totals ? static_cast<float>(totals[bias + out]) : only[bias + out];
  }

  /// Sums of `count` groups from number `first` on, side by side.
  void groups(int64_t first, int64_t count, int threads, float* scratch, const float* zeros, const Tensor& sums) const {
    const int64_t in = kPointsOfRow * in_step(), slot = in + kPointsOfRow * out_step();
    fill_zero(sums);
    direct::for_each_part(count, threads, [&](int64_t part, int) {
      float* own = scratch + part * slot;
      group(first + part, zeros, own, own + in, sums.data<float>() + part * sum_elements());
    });
  }
};

}  // namespace

void backward_weight(const ConvolutionBackwardWeight& args) {
  const ConvolutionGeometry& g = args.geometry;
  const TileKernels& kernels = tile_kernels();
  const WinogradGrid grid(g.batch, g.in_height, g.in_width, g.out_height, g.out_width, g.padding_height, g.padding_width);
  const int64_t strip_rows = grid.rows_of_strip(strip_tiles(g));
  const int64_t group_rows = std::max<int64_t>(1, group_tiles(g) / (strip_rows * grid.columns)) * strip_rows;
  const Plan plan{args, g, kernels, grid, group_rows, strip_rows};
  const int64_t groups = (grid.rows() + group_rows - 1) / group_rows;
  const int threads = direct::threads_for(groups, grid.rows() * grid.columns * kWinogradPoints * g.in_channels * g.out_channels);
  const int64_t zeros = std::max(g.in_width * g.in_channels, g.out_width * g.out_channels);
  const int64_t slot = kPointsOfRow * (plan.in_step() + plan.out_step());
  const Tensor scratch = direct::scratch(zeros + slot * threads), sums = direct::scratch(threads * plan.sum_elements());
  float* base = scratch.data<float>();
  std::fill_n(base, zeros, 0.0f);  // channels that are none never reach a result
  if (groups == 1) {
    plan.groups(0, 1, 1, base + zeros, base, sums);
    return plan.finish(sums.data<float>(), nullptr);
  }
  const Tensor totals = direct::scratch(2 * plan.sum_elements());  // of f64
  double* total = reinterpret_cast<double*>(totals.bytes());
  fill_zero(totals);
  for (int64_t first = 0; first < groups; first += threads) {
    const int64_t count = std::min<int64_t>(threads, groups - first);
    plan.groups(first, count, threads, base + zeros, base, sums);
    for (int64_t part = 0; part < count; ++part) {
      winograd_kernels().add_to(plan.sum_elements(), sums.data<float>() + part * plan.sum_elements(), total);
    }
  }
  plan.finish(nullptr, total);
}

}  // namespace tessera::cpu::winograd
