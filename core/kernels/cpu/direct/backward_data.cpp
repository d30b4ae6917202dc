// SPDX-License-Identifier: Apache-2.0
// An output pixel's gradient spreads over its window: for each of the window's rows, the gradient's channels times a matrix
// [output channels, taps] are added to `taps` contiguous elements of a padded image. A block has pixels of one column, so that its
// rows go to different rows of the image.
#include <cstring>

#include "core/kernels/cpu/direct/direct.h"
#include "core/kernels/cpu/direct/image.h"
#include "core/kernels/cpu/direct/tile.h"

namespace tessera::cpu::direct {
namespace {

/// Weights as [kernel row][output channel][tap], taps padded to whole vectors.
Tensor pack_weight(const ConvolutionBackwardData& args, int64_t padded_taps) {
  const ConvolutionGeometry& g = args.geometry;
  Tensor packed = scratch(g.kernel_height * g.out_channels * padded_taps);
  fill_zero(packed);
  float* to = packed.data<float>();
  const float* from = args.weight;
  for (int64_t out = 0; out < g.out_channels; ++out) {
    for (int64_t in = 0; in < g.in_channels; ++in) {
      for (int64_t ky = 0; ky < g.kernel_height; ++ky) {
        for (int64_t kx = 0; kx < g.kernel_width; ++kx) to[(ky * g.out_channels + out) * padded_taps + kx * g.in_channels + in] = *from++;
      }
    }
  }
  return packed;
}

struct Plan {
  const ConvolutionGeometry& g;
  const TileKernels& kernels;
  const PaddedImage& padded;
  int64_t padded_taps;
  const float* weight;

  /// Adds the taps of one piece, from all output pixels.
  void spread(const float* dy, float* dx, int64_t first_vector, int64_t vectors) const {
    const int64_t tap = first_vector * kernels.lanes, taps = g.kernel_width * g.in_channels;
    const Pieces rows(g.out_height, kernels.most_rows(vectors));
    Tile tile{};
    tile.columns = tap + vectors * kernels.lanes < taps ? vectors * kernels.lanes : taps - tap;
    tile.outer = 1, tile.inner = g.out_channels;
    tile.a_row = g.out_width * g.out_channels, tile.a_inner = 1;
    tile.b_inner = padded_taps;
    tile.out_row = g.stride_height * padded.row;
    tile.store = Tile::Store::add;
    for (int64_t piece = 0; piece < rows.count; ++piece) {
      const int64_t oh = rows.begin(piece);
      tile.rows = rows.size(piece);
      for (int64_t ow = 0; ow < g.out_width; ++ow) {
        tile.a = dy + (oh * g.out_width + ow) * g.out_channels;
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
  const ConvolutionGeometry& g = args.geometry;
  const TileKernels& kernels = tile_kernels();
  const PaddedImage padded(g);
  const int64_t padded_taps = kernels.padded(g.kernel_width * g.in_channels);
  const Tensor weight = pack_weight(args, padded_taps);
  const Plan plan{g, kernels, padded, padded_taps, weight.data<float>()};
  const int threads = threads_for(g.batch, g.batch * result_elements(g) * g.kernel_height * g.kernel_width * g.in_channels);
  const int64_t slot = padded.elements + kernels.lanes;  // whole vectors reach beyond the last tap
  const Tensor images = scratch(slot * threads);
  const Pieces taps(padded_taps / kernels.lanes, TileKernels::kMostVectors);
  for_each_part(g.batch, threads, [&](int64_t image, int thread) {
    float* dx = images.data<float>() + thread * slot;
    std::memset(dx, 0, static_cast<size_t>(slot) * sizeof(float));
    for (int64_t piece = 0; piece < taps.count; ++piece) {
      plan.spread(args.dy + image * result_elements(g), dx, taps.begin(piece), taps.size(piece));
    }
    take_from_padding(g, dx, args.dx + image * image_elements(g));
  });
}

}  // namespace tessera::cpu::direct
