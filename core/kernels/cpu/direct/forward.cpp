// SPDX-License-Identifier: Apache-2.0
// A row of a window is contiguous in a channels-last image: `taps` = kernel width x input channels terms, one tap behind the
// other. So a block is pixels x output channels, its terms the window's rows x taps.
#include <cstring>

#include "core/kernels/cpu/direct/direct.h"
#include "core/kernels/cpu/direct/image.h"
#include "core/kernels/cpu/direct/tile.h"

namespace tessera::cpu::direct {
namespace {

/// Weights as [kernel row][tap][output channel], channels padded to whole vectors; one row of bias behind them.
Tensor pack_weight(const ConvolutionForward& args, int64_t padded_channels) {
  const ConvolutionGeometry& g = args.geometry;
  const int64_t taps = g.kernel_width * g.in_channels;
  Tensor packed = scratch((g.kernel_height * taps + 1) * padded_channels);
  fill_zero(packed);
  float* to = packed.data<float>();
  const float* from = args.weight;
  for (int64_t out = 0; out < g.out_channels; ++out) {
    for (int64_t in = 0; in < g.in_channels; ++in) {
      for (int64_t ky = 0; ky < g.kernel_height; ++ky) {
        for (int64_t kx = 0; kx < g.kernel_width; ++kx) to[(ky * taps + kx * g.in_channels + in) * padded_channels + out] = *from++;
      }
    }
    if (args.bias) to[g.kernel_height * taps * padded_channels + out] = args.bias[out];
  }
  return packed;
}

struct Plan {
  const ConvolutionGeometry& g;
  const TileKernels& kernels;
  int64_t padded_channels, row;
  const float* weight;

  /// All pixels of one image, for the output channels of one piece.
  void image(const float* x, float* y, int64_t first_vector, int64_t vectors) const {
    const int64_t taps = g.kernel_width * g.in_channels, channel = first_vector * kernels.lanes;
    const bool ragged = channel + vectors * kernels.lanes > g.out_channels;
    const Pieces pixels(g.out_width, kernels.most_rows(vectors));
    Tile tile{};
    tile.columns = ragged ? g.out_channels - channel : vectors * kernels.lanes;
    tile.outer = g.kernel_height, tile.inner = taps;
    tile.a_row = g.stride_width * g.in_channels, tile.a_outer = row, tile.a_inner = 1;
    tile.b = weight + channel, tile.b_outer = taps * padded_channels, tile.b_inner = padded_channels;
    tile.start = weight + g.kernel_height * taps * padded_channels + channel;
    tile.out_row = g.out_channels;
    for (int64_t oh = 0; oh < g.out_height; ++oh) {
      for (int64_t piece = 0; piece < pixels.count; ++piece) {
        const int64_t ow = pixels.begin(piece);
        tile.rows = pixels.size(piece);
        tile.a = x + oh * g.stride_height * row + ow * tile.a_row;
        tile.out = y + (oh * g.out_width + ow) * g.out_channels + channel;
        // What a ragged row writes too much is the beginning of the next pixels, which come later: unless the image ends, or
        // their beginnings belonged to an earlier piece of the channels.
        const int64_t end = (oh * g.out_width + ow + tile.rows - 1) * g.out_channels + channel + vectors * kernels.lanes;
        tile.store = ragged && (end > result_elements(g) || channel > 0) ? Tile::Store::exact : Tile::Store::whole;
        kernels.run(tile);
      }
    }
  }
};

}  // namespace

void forward(const ConvolutionForward& args) {
  const ConvolutionGeometry& g = args.geometry;
  const TileKernels& kernels = tile_kernels();
  const PaddedImage padded(g);
  const int64_t padded_channels = kernels.padded(g.out_channels);
  const Tensor weight = pack_weight(args, padded_channels);
  const Plan plan{g, kernels, padded_channels, is_padded(g) ? padded.row : g.in_width * g.in_channels, weight.data<float>()};
  const int threads = threads_for(g.batch, g.batch * result_elements(g) * g.kernel_height * g.kernel_width * g.in_channels);
  const Tensor images = scratch(is_padded(g) ? padded.elements * threads : 0);
  fill_zero(images);
  const Pieces channels(padded_channels / kernels.lanes, TileKernels::kMostVectors);
  for_each_part(g.batch, threads, [&](int64_t image, int thread) {
    const float* x = args.x + image * image_elements(g);
    if (is_padded(g)) {
      float* own = images.data<float>() + thread * padded.elements;
      put_into_padding(g, x, own);
      x = own;
    }
    for (int64_t piece = 0; piece < channels.count; ++piece) {
      plan.image(x, args.y + image * result_elements(g), channels.begin(piece), channels.size(piece));
    }
  });
}

}  // namespace tessera::cpu::direct
