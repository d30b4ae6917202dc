// SPDX-License-Identifier: Apache-2.0
// An output pixel's gradient spreads over its window: for each of the window's rows, the gradient's channels times a matrix
// [output channels, taps] are added to `taps` contiguous elements of a padded image. A block has pixels of one column, so that its
// rows go to different rows of the image. Groups have images of their own, copied into the whole one.
#include <cstring>

#include "core/kernels/cpu/direct/channel_blocks.h"
#include "core/kernels/cpu/direct/direct.h"
#include "core/kernels/cpu/direct/image.h"
#include "core/kernels/cpu/direct/tile.h"

namespace tessera::cpu::direct {
namespace {

struct Plan {
  const ChannelBlocks& blocks;
  const ConvolutionGeometry& g;
  const TileKernels& kernels;
  const PaddedImage& padded;
  int64_t padded_taps;

  int64_t weight_elements() const { return g.kernel_height * g.out_channels * padded_taps; }

  /// Weights of a block as [kernel row][output channel][tap], taps padded to whole vectors.
  void pack_weight(const float* weight, int64_t number, float* to) const {
    blocks.for_each_pair(number, [&](int64_t out, int64_t in, int64_t offset) {
      const float* from = weight + offset;
      for (int64_t ky = 0; ky < g.kernel_height; ++ky) {
        for (int64_t kx = 0; kx < g.kernel_width; ++kx) to[(ky * g.out_channels + out) * padded_taps + kx * g.in_channels + in] = *from++;
      }
    });
  }

  /// Adds the taps of one piece, from all output pixels.
  void spread(const float* dy, const float* weight, float* dx, int64_t first_vector, int64_t vectors) const {
    const int64_t tap = first_vector * kernels.lanes, taps = g.kernel_width * g.in_channels;
    const Pieces rows(g.out_height, kernels.most_rows(vectors));
    Tile tile{};
    tile.columns = tap + vectors * kernels.lanes < taps ? vectors * kernels.lanes : taps - tap;
    tile.outer = 1, tile.inner = g.out_channels;
    tile.a_row = g.out_width * blocks.pixel_outputs, tile.a_inner = 1;
    tile.b_inner = padded_taps;
    tile.out_row = g.stride_height * padded.row;
    tile.store = Tile::Store::add;
    for (int64_t piece = 0; piece < rows.count; ++piece) {
      const int64_t oh = rows.begin(piece);
      tile.rows = rows.size(piece);
      for (int64_t ow = 0; ow < g.out_width; ++ow) {
        tile.a = dy + (oh * g.out_width + ow) * blocks.pixel_outputs;
        for (int64_t ky = 0; ky < g.kernel_height; ++ky) {
          tile.b = weight + ky * g.out_channels * padded_taps + tap;
          tile.out = dx + (oh * g.stride_height + ky) * padded.row + ow * g.stride_width * g.in_channels + tap;
          kernels.run(tile);
        }
      }
    }
  }
};

}  // namespace

void backward_data(const ConvolutionBackwardData& args) {
  if (args.geometry.groups > 1 && can_turn(args.geometry)) return backward_data_by_turned_windows(args);
  const ChannelBlocks blocks(args.geometry);
  const ConvolutionGeometry& g = blocks.block;
  const TileKernels& kernels = tile_kernels_for(g.kernel_width * g.in_channels);
  const PaddedImage padded(g);
  const Plan plan{blocks, g, kernels, padded, kernels.padded(g.kernel_width * g.in_channels)};
  const Tensor weights = scratch(plan.weight_elements() * blocks.count);
  fill_zero(weights);
  const auto weight_of = [&](int64_t number) { return weights.data<float>() + number * plan.weight_elements(); };
  for (int64_t number = 0; number < blocks.count; ++number) plan.pack_weight(args.weight, number, weight_of(number));
  const int64_t parts = g.batch * blocks.count;
  const int threads = threads_for(parts, parts * result_elements(g) * g.kernel_height * g.kernel_width * g.in_channels);
  const int64_t slot = padded.elements + kernels.lanes;  // whole vectors reach beyond the last tap
  const Tensor images = scratch(slot * threads);
  const Pieces taps(plan.padded_taps / kernels.lanes, TileKernels::kMostVectors);
  for_each_part(parts, threads, [&](int64_t part, int thread) {
    const int64_t image = part / blocks.count, number = part % blocks.count;
    const float* dy = args.dy + image * g.out_height * g.out_width * blocks.pixel_outputs + number * g.out_channels;
    float* dx = images.data<float>() + thread * slot;
    std::memset(dx, 0, static_cast<size_t>(slot) * sizeof(float));
    for (int64_t piece = 0; piece < taps.count; ++piece) plan.spread(dy, weight_of(number), dx, taps.begin(piece), taps.size(piece));
    take_from_padding(g, dx, args.dx + image * g.in_height * g.in_width * blocks.pixel_inputs + number * g.in_channels, blocks.pixel_inputs);
  });
}

}  // namespace tessera::cpu::direct
