// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/cpu/direct/pointwise.h"

#include <algorithm>

#include "core/kernels/cpu/direct/image.h"
#include "core/kernels/cpu/direct/tile.h"
#include "core/kernels/cpu/direct/transpose.h"
#include "core/kernels/cpu/onednn/onednn.h"
#include "core/kernels/kernels.h"

namespace tessera::cpu::pointwise {
namespace {

constexpr int64_t kSegmentPixels = 1024;  // terms of one f32 chain

/// The pixels that the windows see, one behind the other.
Tensor seen_pixels(const ConvolutionGeometry& g, const float* x) {
  const Tensor seen = direct::scratch(g.batch * g.out_height * g.out_width * g.in_channels);
  float* to = seen.data<float>();
  for (int64_t image = 0; image < g.batch; ++image) {
    for (int64_t row = 0; row < g.out_height; ++row, to += g.out_width * g.in_channels) {
      const float* from = x + (image * g.in_height + row * g.stride_height) * g.in_width * g.in_channels;
      direct::copy_pixels(g.out_width, g.in_channels, from, g.stride_width * g.in_channels, to, g.in_channels);
    }
  }
  return seen;
}

/// oneDNN's product for AVX2 takes matrices that are small as they lie, and reads columns of both; those of long rows fall into few sets of the first cache.
bool reads_far_columns(int64_t m, int64_t n) {
  if (has_wide_vectors()) return false;
  constexpr double kSmall = 0.0038;  // from there on, in oneDNN 3
  constexpr int64_t kLongRow = 512, kFewest = 128;  // of fewer columns a copy costs more than it brings
  return std::max(m, n) >= kLongRow && std::min(m, n) >= kFewest && 1.0 / static_cast<double>(m) + 1.0 / static_cast<double>(n) >= kSmall;
}

/// dweight = dy' x, or += under `add`.
void product_of_columns(int64_t out_channels, int64_t in_channels, int64_t pixels, const float* dy, const float* x, float* dweight, bool add) {
  if (!reads_far_columns(out_channels, in_channels)) return onednn::matmul({out_channels, in_channels, pixels, true, false, dy, x, dweight, nullptr, add});
  const Tensor rows_of_dy = direct::scratch(out_channels * pixels), rows_of_x = direct::scratch(in_channels * pixels);
  direct::transpose(pixels, out_channels, dy, rows_of_dy.data<float>());
  direct::transpose(pixels, in_channels, x, rows_of_x.data<float>());
  onednn::matmul({out_channels, in_channels, pixels, false, true, rows_of_dy.data<float>(), rows_of_x.data<float>(), dweight, nullptr, add});
}

}  // namespace

bool fits(const ConvolutionGeometry& g) { return g.kernel_height == 1 && g.kernel_width == 1 && g.padding_height == 0 && g.padding_width == 0 && g.groups == 1; }

void forward(const ConvolutionForward& args) {
  const ConvolutionGeometry& g = args.geometry;
  const int64_t pixels = g.batch * g.out_height * g.out_width;
  onednn::matmul({pixels, g.out_channels, g.in_channels, false, true, args.x, args.weight, args.y});
  if (args.bias) kernels_for(Device::cpu).matmul.add_bias(pixels, g.out_channels, args.bias, args.y);
}

void backward_data(const ConvolutionBackwardData& args) {
  const ConvolutionGeometry& g = args.geometry;
  onednn::matmul({g.batch * g.out_height * g.out_width, g.in_channels, g.out_channels, false, false, args.dy, args.weight, args.dx});
}

void backward_weight(const ConvolutionBackwardWeight& args) {
  const ConvolutionGeometry& g = args.geometry;
  const bool all = g.out_height == g.in_height && g.out_width == g.in_width;
  const Tensor seen = all ? Tensor() : seen_pixels(g, args.x);
  const int64_t pixels = g.batch * g.out_height * g.out_width;
  const float* x = all ? args.x : seen.data<float>();
  const Pieces segments(pixels, kSegmentPixels);
  if (segments.count == 0) std::fill_n(args.dweight, g.out_channels * g.in_channels, 0.0f);
  for (int64_t segment = 0; segment < segments.count; ++segment) {
    const int64_t first = segments.begin(segment);
    product_of_columns(g.out_channels, g.in_channels, segments.size(segment), args.dy + first * g.out_channels, x + first * g.in_channels, args.dweight, segment > 0);
  }
  if (args.dbias) kernels_for(Device::cpu).matmul.column_sums({pixels, g.out_channels, args.dy, args.dbias});
}

}  // namespace tessera::cpu::pointwise
