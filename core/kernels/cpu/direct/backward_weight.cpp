// SPDX-License-Identifier: Apache-2.0
// A block is taps x output channels, its terms the pixels. Sums are f32 over a few rows of pixels, over the images of a group, and
// then f64 over groups: what a group holds is fixed, so that the result does not depend on the number of threads. Groups have images and gradients of their own, copied out of the whole ones.
#include <algorithm>
#include <cstring>

#include "core/kernels/cpu/direct/channel_blocks.h"
#include "core/kernels/cpu/direct/direct.h"
#include "core/kernels/cpu/direct/image.h"
#include "core/kernels/cpu/direct/tile.h"

namespace tessera::cpu::direct {
namespace {

constexpr int64_t kGroupImages = 4;
constexpr int64_t kSumPixels = 1024;  // terms of one f32 chain
constexpr int64_t kSumRows = 64;      // the same for the bias

struct Plan {
  const ConvolutionBackwardWeight& args;
  const ChannelBlocks& blocks;
  const ConvolutionGeometry& g;
  const TileKernels& kernels;
  const PaddedImage& padded;
  int64_t padded_channels, taps;

  int64_t weight_elements() const { return g.kernel_height * taps * padded_channels; }
  int64_t bias_elements() const { return args.dbias ? kernels.padded(g.out_width * g.out_channels) : 0; }
  /// Sums of a group: [kernel row][tap][output channel], then a row of output pixels [column][output channel] for the bias.
  int64_t sum_elements() const { return weight_elements() + bias_elements(); }
  /// Copies that a thread needs: of a block's image with its padding, and of its gradient, without blocks only of the last, with room behind it.
  bool copies_image() const { return is_padded(g) || blocks.count > 1; }
  int64_t image_slot() const { return copies_image() ? padded.elements : 0; }
  int64_t gradient_slot() const { return padded_channels > g.out_channels || blocks.count > 1 ? result_elements(g) + kernels.lanes : 0; }

  void add_rows(const float* x, int64_t row, const float* dy, int64_t rows, float* sums) const {
    Tile tile{};
    tile.outer = rows, tile.inner = g.out_width;
    tile.a_row = 1, tile.a_outer = g.stride_height * row, tile.a_inner = g.stride_width * g.in_channels;
    tile.b_outer = g.out_width * g.out_channels, tile.b_inner = g.out_channels;
    tile.out_row = padded_channels;
    tile.store = Tile::Store::add;
    const Pieces channels(padded_channels / kernels.lanes, TileKernels::kMostVectors);
    for (int64_t piece = 0; piece < channels.count; ++piece) {
      const int64_t channel = channels.begin(piece) * kernels.lanes;
      const Pieces tap_pieces(taps, kernels.most_rows(channels.size(piece)));
      tile.columns = channels.size(piece) * kernels.lanes;
      tile.b = dy + channel;
      for (int64_t ky = 0; ky < g.kernel_height; ++ky) {
        for (int64_t block = 0; block < tap_pieces.count; ++block) {
          tile.rows = tap_pieces.size(block);
          tile.a = x + ky * row + tap_pieces.begin(block);
          tile.out = sums + (ky * taps + tap_pieces.begin(block)) * padded_channels + channel;
          kernels.run(tile);
        }
      }
    }
  }

  void add_image(int64_t image, int64_t number, float* image_copy, float* gradient_copy, float* sums) const {
    const float* x = args.x + image * g.in_height * g.in_width * blocks.pixel_inputs + number * g.in_channels;
    const float* dy = args.dy + image * g.out_height * g.out_width * blocks.pixel_outputs + number * g.out_channels;
    if (copies_image()) {
      put_into_padding(g, x, blocks.pixel_inputs, image_copy);
      x = image_copy;
    }
    if (blocks.count > 1 || (gradient_slot() > 0 && image + 1 == g.batch)) {  // whole vectors would reach behind the tensor
      copy_pixels(g.out_height * g.out_width, g.out_channels, dy, blocks.pixel_outputs, gradient_copy, g.out_channels);
      dy = gradient_copy;
    }
    const int64_t row = copies_image() ? padded.row : g.in_width * g.in_channels;
    const Pieces chunks(g.out_height, std::max<int64_t>(1, kSumPixels / g.out_width));
    for (int64_t chunk = 0; chunk < chunks.count; ++chunk) {
      const int64_t oh = chunks.begin(chunk);
      add_rows(x + oh * g.stride_height * row, row, dy + oh * g.out_width * g.out_channels, chunks.size(chunk), sums);
    }
    if (args.dbias) add_bias(dy, sums + weight_elements());
  }

  /// sums += the sum of the gradient's rows of pixels.
  void add_bias(const float* dy, float* sums) const {
    const float one = 1.0f;
    const int64_t row = g.out_width * g.out_channels, most = TileKernels::kMostVectors * kernels.lanes;
    Tile tile{};
    tile.rows = tile.outer = 1;
    tile.a = &one, tile.b_inner = row;
    tile.store = Tile::Store::add;
    for (int64_t column = 0; column < row; column += most) {
      tile.columns = std::min(most, row - column);
      tile.out = sums + column;
      for (int64_t oh = 0; oh < g.out_height; oh += kSumRows) {
        tile.inner = std::min(kSumRows, g.out_height - oh);
        tile.b = dy + oh * row + column;
        kernels.run(tile);
      }
    }
  }

  /// The sums of a block, in the order of groups of images, into row-major weights.
  void reduce(int64_t number, const float* sums, int64_t groups, double* totals) const {
    std::fill_n(totals, sum_elements(), 0.0);
    for (int64_t group = 0; group < groups; ++group, sums += sum_elements()) {
      for (int64_t i = 0; i < sum_elements(); ++i) totals[i] += static_cast<double>(sums[i]);
    }
    blocks.for_each_pair(number, [&](int64_t out, int64_t in, int64_t offset) {
      float* to = args.dweight + offset;
      for (int64_t ky = 0; ky < g.kernel_height; ++ky) {
        for (int64_t kx = 0; kx < g.kernel_width; ++kx) *to++ = static_cast<float>(totals[(ky * taps + kx * g.in_channels + in) * padded_channels + out]);
      }
    });
    const double* row = totals + weight_elements();
    for (int64_t out = 0; args.dbias && out < g.out_channels; ++out) {
      double bias = 0.0;
      for (int64_t ow = 0; ow < g.out_width; ++ow) bias += row[ow * g.out_channels + out];
      args.dbias[number * g.out_channels + out] = static_cast<float>(bias);
    }
  }
};

}  // namespace

void backward_weight(const ConvolutionBackwardWeight& args) {
  const ChannelBlocks blocks(args.geometry);
  const ConvolutionGeometry& g = blocks.block;
  const TileKernels& kernels = tile_kernels_for(g.out_channels);
  const PaddedImage padded(g);
  const Plan plan{args, blocks, g, kernels, padded, kernels.padded(g.out_channels), g.kernel_width * g.in_channels};
  const int64_t groups = (g.batch + kGroupImages - 1) / kGroupImages, parts = groups * blocks.count;
  const int threads = threads_for(parts, blocks.count * g.batch * result_elements(g) * g.kernel_height * plan.taps);
  const int64_t slot = plan.image_slot() + plan.gradient_slot();
  const Tensor copies = scratch(slot * threads), sums = scratch(parts * plan.sum_elements());
  fill_zero(copies);
  fill_zero(sums);
  const auto sums_of = [&](int64_t number) { return sums.data<float>() + number * groups * plan.sum_elements(); };
  for_each_part(parts, threads, [&](int64_t part, int thread) {
    float* copy = copies.data<float>() + thread * slot;
    const int64_t group = part / blocks.count, number = part % blocks.count, end = std::min(g.batch, (group + 1) * kGroupImages);
    for (int64_t image = group * kGroupImages; image < end; ++image) {
      plan.add_image(image, number, copy, copy + plan.image_slot(), sums_of(number) + group * plan.sum_elements());
    }
  });
  const Tensor totals = scratch(2 * plan.sum_elements());  // of f64
  for (int64_t number = 0; number < blocks.count; ++number) plan.reduce(number, sums_of(number), groups, reinterpret_cast<double*>(totals.bytes()));
}

}  // namespace tessera::cpu::direct
