// SPDX-License-Identifier: Apache-2.0
// A row of a window is contiguous in a channels-last image: `taps` = kernel width x input channels terms, one tap behind the
// other. So a block is pixels x output channels, its terms the window's rows x taps. Groups have images of their own, copied out of the whole one.
#include <utility>

#include "core/kernels/cpu/direct/channel_blocks.h"
#include "core/kernels/cpu/direct/direct.h"
#include "core/kernels/cpu/direct/image.h"
#include "core/kernels/cpu/direct/tile.h"

namespace tessera::cpu::direct {
namespace {

struct Problem {
  ChannelBlocks blocks;        ///< of the layer
  ConvolutionGeometry block;   ///< of a block of what is computed: the layer's, or its gradient's
  int64_t x_step, y_step;      ///< channels of a pixel
  bool turned;                 ///< the gradient of the input: outputs are the layer's inputs, windows go from end to beginning
  const float* x;
  const float* weight;
  const float* bias;
  float* y;
};

struct Plan {
  const Problem& problem;
  const ConvolutionGeometry& g;
  const TileKernels& kernels;
  int64_t padded_channels, row;

  Plan(const Problem& p, const TileKernels& k, int64_t image_row)
      : problem(p), g(p.block), kernels(k), padded_channels(k.padded(g.out_channels)), row(image_row) {}

  int64_t taps() const { return g.kernel_width * g.in_channels; }
  int64_t weight_elements() const { return (g.kernel_height * taps() + 1) * padded_channels; }

  /// Weights of a block as [kernel row][tap][output channel], channels padded to whole vectors; one row of bias behind them.
  void pack_weight(int64_t number, float* to) const {
    const int64_t last = g.kernel_height * g.kernel_width - 1, step = problem.turned ? -1 : 1;
    problem.blocks.for_each_pair(number, [&](int64_t out, int64_t in, int64_t offset) {
      if (problem.turned) std::swap(out, in);
      const float* from = problem.weight + offset + (problem.turned ? last : 0);
      for (int64_t ky = 0; ky < g.kernel_height; ++ky) {
        for (int64_t kx = 0; kx < g.kernel_width; ++kx, from += step) to[(ky * taps() + kx * g.in_channels + in) * padded_channels + out] = *from;
      }
    });
    for (int64_t out = 0; problem.bias && out < g.out_channels; ++out) {
      to[g.kernel_height * taps() * padded_channels + out] = problem.bias[number * g.out_channels + out];
    }
  }

  /// All pixels of one image, for the output channels of one piece.
  void image(const float* x, const float* weight, float* y, int64_t first_vector, int64_t vectors) const {
    const int64_t channel = first_vector * kernels.lanes;
    const bool ragged = channel + vectors * kernels.lanes > g.out_channels;
    const Pieces pixels(g.out_width, kernels.most_rows(vectors));
    Tile tile{};
    tile.columns = ragged ? g.out_channels - channel : vectors * kernels.lanes;
    tile.outer = g.kernel_height, tile.inner = taps();
    tile.a_row = g.stride_width * g.in_channels, tile.a_outer = row, tile.a_inner = 1;
    tile.b = weight + channel, tile.b_outer = taps() * padded_channels, tile.b_inner = padded_channels;
    tile.start = weight + g.kernel_height * taps() * padded_channels + channel;
    tile.out_row = problem.y_step;
    for (int64_t oh = 0; oh < g.out_height; ++oh) {
      for (int64_t piece = 0; piece < pixels.count; ++piece) {
        const int64_t ow = pixels.begin(piece);
        tile.rows = pixels.size(piece);
        tile.a = x + oh * g.stride_height * row + ow * tile.a_row;
        tile.out = y + (oh * g.out_width + ow) * problem.y_step + channel;
        // What a ragged row writes too much is the beginning of the next pixels, which come later: unless the image ends, or
        // their beginnings belonged to an earlier piece of the channels, or to another block.
        const int64_t end = (oh * g.out_width + ow + tile.rows - 1) * g.out_channels + channel + vectors * kernels.lanes;
        const bool shared = problem.blocks.count > 1 || channel > 0 || end > result_elements(g);
        tile.store = ragged && shared ? Tile::Store::exact : Tile::Store::whole;
        kernels.run(tile);
      }
    }
  }
};

void run(const Problem& problem) {
  const ConvolutionGeometry& g = problem.block;
  const int64_t count = problem.blocks.count, parts = g.batch * count;
  const bool copied = is_padded(g) || count > 1;
  const PaddedImage padded(g);
  const TileKernels& kernels = tile_kernels_for(g.out_channels);
  const Plan plan(problem, kernels, copied ? padded.row : g.in_width * g.in_channels);
  const Tensor weights = scratch(plan.weight_elements() * count);
  fill_zero(weights);
  const auto weight_of = [&](int64_t number) { return weights.data<float>() + number * plan.weight_elements(); };
  for (int64_t number = 0; number < count; ++number) plan.pack_weight(number, weight_of(number));
  const int threads = threads_for(parts, parts * result_elements(g) * g.kernel_height * plan.taps());
  const Tensor images = scratch(copied ? padded.elements * threads : 0);
  fill_zero(images);
  const Pieces channels(plan.padded_channels / kernels.lanes, TileKernels::kMostVectors);
  for_each_part(parts, threads, [&](int64_t part, int thread) {
    const int64_t image = part / count, number = part % count;
    const float* x = problem.x + image * g.in_height * g.in_width * problem.x_step + number * g.in_channels;
    if (copied) {
      float* own = images.data<float>() + thread * padded.elements;
      put_into_padding(g, x, problem.x_step, own);
      x = own;
    }
    float* y = problem.y + image * g.out_height * g.out_width * problem.y_step + number * g.out_channels;
    for (int64_t piece = 0; piece < channels.count; ++piece) plan.image(x, weight_of(number), y, channels.begin(piece), channels.size(piece));
  });
}

/// Of the gradient of the input, which is a convolution of the output's.
ConvolutionGeometry turned(ConvolutionGeometry g) {
  std::swap(g.in_channels, g.out_channels);
  std::swap(g.in_height, g.out_height);
  std::swap(g.in_width, g.out_width);
  g.padding_height = g.kernel_height - 1 - g.padding_height;
  g.padding_width = g.kernel_width - 1 - g.padding_width;
  return g;
}

}  // namespace

void forward(const ConvolutionForward& args) {
  const ChannelBlocks blocks(args.geometry);
  run({blocks, blocks.block, blocks.pixel_inputs, blocks.pixel_outputs, false, args.x, args.weight, args.bias, args.y});
}

bool can_turn(const ConvolutionGeometry& g) {
  return g.stride_height == 1 && g.stride_width == 1 && g.padding_height < g.kernel_height && g.padding_width < g.kernel_width;
}

void backward_data_by_turned_windows(const ConvolutionBackwardData& args) {
  const ChannelBlocks blocks(args.geometry);
  run({blocks, turned(blocks.block), blocks.pixel_outputs, blocks.pixel_inputs, true, args.dy, args.weight, nullptr, args.dx});
}

}  // namespace tessera::cpu::direct
