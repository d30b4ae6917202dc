// SPDX-License-Identifier: Apache-2.0
// The gradient of the weight where there are many channels: for every place of the window a product [out, pixels] by [pixels, in]. Pixels are taken in
// chunks, whose gradients and inputs are copied into panels of sixteen channels first: what a block reads lies together then, however far
// apart pixels are. Sums are f32 over the chunks of a segment of pixels, then f64 over segments; what a segment holds depends on the geometry alone.
#include <algorithm>
#include <cstring>

#include "core/kernels/cpu/direct/direct.h"
#include "core/kernels/cpu/direct/image.h"
#include "core/kernels/cpu/direct/tile.h"
#include "core/kernels/kernels.h"

namespace tessera::cpu::direct {
namespace {

constexpr int64_t kPanel = 16;         // channels: a cache line
constexpr int64_t kChunkPixels = 192;  // two panels of so many pixels fit the first cache
constexpr int64_t kOutBlock = 128, kInBlock = 256;  // whose panels of a chunk fit the second
constexpr int64_t kFewestParts = 8;                 // for threads, where there are pixels enough
constexpr int64_t kSegmentPixels = 8 * kChunkPixels;

int64_t panels(int64_t channels) { return (channels + kPanel - 1) / kPanel; }

/// [panel][pixel][channel] of `count` channels from each row on; the last panel's other channels keep what is there.
void pack(const float* const* rows, int64_t pixels, int64_t first, int64_t count, float* to) {
  for (int64_t pixel = 0; pixel < pixels; ++pixel) {
    const float* from = rows[pixel] + first;
    float* at = to + pixel * kPanel;
    int64_t channel = 0;
    for (; channel + kPanel <= count; channel += kPanel, at += kChunkPixels * kPanel) std::memcpy(at, from + channel, kPanel * sizeof(float));
    if (channel < count) std::memcpy(at, from + channel, static_cast<size_t>(count - channel) * sizeof(float));
  }
}

struct Plan {
  const ConvolutionBackwardWeight& args;
  const ConvolutionGeometry& g;
  const TileKernels& kernels;
  Pieces outs, ins, segments;  ///< of panels of output and input channels, and of pixels
  const float* zeros;          ///< a pixel outside of the image

  Plan(const ConvolutionBackwardWeight& a, const TileKernels& k, const float* outside)
      : args(a), g(a.geometry), kernels(k), outs(panels(g.out_channels), kOutBlock / kPanel), ins(panels(g.in_channels), kInBlock / kPanel),
        segments(pixels(), std::max(kSegmentPixels, pixels() * outs.count * ins.count / kFewestParts)), zeros(outside) {}

  int64_t pixels() const { return g.batch * g.out_height * g.out_width; }
  int64_t places() const { return g.kernel_height * g.kernel_width; }
  int64_t padded_in() const { return panels(g.in_channels) * kPanel; }
  int64_t place_elements() const { return g.out_channels * padded_in(); }
  int64_t parts() const { return outs.count * ins.count * segments.count; }
  /// Panels of a chunk.
  static constexpr int64_t slot() { return (kOutBlock + kInBlock) * kChunkPixels; }

  void gradient_rows(int64_t first, int64_t count, const float** rows) const {
    for (int64_t i = 0; i < count; ++i) rows[i] = args.dy + (first + i) * g.out_channels;
  }

  void input_rows(int64_t first, int64_t count, int64_t place, const float** rows) const {
    const int64_t ky = place / g.kernel_width * g.dilation_height - g.padding_height, kx = place % g.kernel_width * g.dilation_width - g.padding_width;
    int64_t ow = first % g.out_width, oh = first / g.out_width % g.out_height, image = first / (g.out_width * g.out_height);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t h = oh * g.stride_height + ky, w = ow * g.stride_width + kx;
      const bool inside = h >= 0 && h < g.in_height && w >= 0 && w < g.in_width;
      rows[i] = inside ? args.x + ((image * g.in_height + h) * g.in_width + w) * g.in_channels : zeros;
      if (++ow < g.out_width) continue;
      ow = 0;
      if (++oh < g.out_height) continue;
      oh = 0, ++image;
    }
  }

  /// sums[out][in] += the products of a chunk.
  void add_products(int64_t pixels, int64_t out_count, int64_t in_panels, const float* dy, const float* x, float* sums) const {
    Tile tile{};
    tile.columns = kPanel;
    tile.outer = 1, tile.inner = pixels;
    tile.a_row = 1, tile.a_inner = kPanel, tile.b_inner = kPanel;
    tile.out_row = padded_in();
    tile.store = Tile::Store::add;
    for (int64_t in = 0; in < in_panels; ++in) {
      tile.b = x + in * kChunkPixels * kPanel;
      for (int64_t out = 0; out < out_count; out += kPanel) {
        const Pieces rows(std::min(kPanel, out_count - out), kernels.most_rows(kPanel / kernels.lanes));
        for (int64_t block = 0; block < rows.count; ++block) {
          tile.rows = rows.size(block);
          tile.a = dy + out * kChunkPixels + rows.begin(block);
          tile.out = sums + (out + rows.begin(block)) * padded_in() + in * kPanel;
          kernels.run(tile);
        }
      }
    }
  }

  /// One block of channels over one segment; `sums` of [segment][place][out][in].
  void part(int64_t number, float* own, float* sums) const {
    const int64_t out = number % outs.count, in = number / outs.count % ins.count, segment = number / (outs.count * ins.count);
    const int64_t first_out = outs.begin(out) * kPanel, out_count = std::min(outs.size(out) * kPanel, g.out_channels - first_out);
    const int64_t first_in = ins.begin(in) * kPanel, in_count = std::min(ins.size(in) * kPanel, g.in_channels - first_in);
    float *dy = own, *x = own + kOutBlock * kChunkPixels;
    const float* rows[kChunkPixels];
    const int64_t end = segments.begin(segment) + segments.size(segment);
    for (int64_t first = segments.begin(segment); first < end; first += kChunkPixels) {
      const int64_t count = std::min(kChunkPixels, end - first);
      gradient_rows(first, count, rows);
      pack(rows, count, first_out, out_count, dy);
      for (int64_t place = 0; place < places(); ++place) {
        input_rows(first, count, place, rows);
        pack(rows, count, first_in, in_count, x);
        add_products(count, out_count, ins.size(in), dy, x,
                     sums + (segment * places() + place) * place_elements() + first_out * padded_in() + first_in);
      }
    }
  }

  void finish(const float* sums) const {
    for (int64_t out = 0; out < g.out_channels; ++out) {
      for (int64_t place = 0; place < places(); ++place) {
        const float* from = sums + place * place_elements() + out * padded_in();
        float* to = args.dweight + out * g.in_channels * places() + place;
        for (int64_t in = 0; in < g.in_channels; ++in) {
          double sum = 0.0;
          for (int64_t segment = 0; segment < segments.count; ++segment) sum += static_cast<double>(from[segment * places() * place_elements() + in]);
          to[in * places()] = static_cast<float>(sum);
        }
      }
    }
  }
};

}  // namespace

void backward_weight_by_panels(const ConvolutionBackwardWeight& args) {
  const ConvolutionGeometry& g = args.geometry;
  const Tensor outside = scratch(g.in_channels);
  fill_zero(outside);
  const Plan plan(args, tile_kernels(), outside.data<float>());
  const int threads = threads_for(plan.parts(), plan.pixels() * plan.places() * g.in_channels * g.out_channels);
  const Tensor sums = scratch(plan.segments.count * plan.places() * plan.place_elements()), own = scratch(threads * Plan::slot());
  fill_zero(sums);
  for_each_part(plan.parts(), threads, [&](int64_t part, int thread) { plan.part(part, own.data<float>() + thread * Plan::slot(), sums.data<float>()); });
  plan.finish(sums.data<float>());
  if (args.dbias) kernels_for(Device::cpu).matmul.column_sums({plan.pixels(), g.out_channels, args.dy, args.dbias});
}

}  // namespace tessera::cpu::direct
