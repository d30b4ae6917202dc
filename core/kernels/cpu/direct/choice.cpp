// SPDX-License-Identifier: Apache-2.0
// The thresholds come from tests/bench/convolution_bench on AVX2 (Zen 3, oneDNN 3.2, batches of 16, images of 14 to 32 pixels, kernels of
// 1 to 5). There oneDNN is good where all channels are multiples of eight, and slow where they are not, where the step is
// larger than one (gradient of the input), and in gradients of small weights. On AVX-512 (Zen 4, batches of 8 and 128) the same holds but for groups.
#include <algorithm>

#include "core/kernels/cpu/convolution.h"
#include "core/kernels/cpu/direct/depthwise.h"
#include "core/kernels/cpu/direct/direct.h"
#include "core/kernels/cpu/direct/grouped.h"
#include "core/kernels/cpu/direct/pointwise.h"
#include "core/kernels/cpu/direct/tile.h"

namespace tessera::cpu::direct {
namespace {

bool prefers_forward(const ConvolutionGeometry& g) {
  const bool ragged = g.in_channels % 8 != 0 || g.out_channels % 8 != 0;
  if (ragged) return g.in_channels <= 32 && g.out_channels <= 64;
  return g.in_channels <= 16 && g.out_channels <= 64 && g.kernel_height * g.kernel_width * g.in_channels <= 256;
}

bool prefers_backward_data(const ConvolutionGeometry& g) {
  if (g.stride_height > 1) return g.in_channels <= 32 && g.out_channels <= 32;
  if (pointwise::fits(g) && g.in_channels <= 32) return true;
  return g.in_channels % 8 != 0 && g.in_channels <= 32 && g.out_channels >= 6 && g.out_channels <= 64;
}

bool prefers_backward_weight(const ConvolutionGeometry& g) {
  const int64_t weights = g.kernel_height * g.kernel_width * g.in_channels * g.out_channels;
  return g.in_channels <= 64 && g.out_channels <= 64 && weights <= 32768;
}

/// Images large enough to fill tiles, channels enough to make the products larger than the additions around them.
bool prefers_winograd(const ConvolutionGeometry& g) {
  const int64_t fewest = std::min(g.in_channels, g.out_channels);
  return fits_winograd(g) && fewest >= 16 && g.out_height >= 4 && g.out_width >= 4;
}

/// 1x1 windows: oneDNN's gradient of the weight reaches two thirds of its own product. In the other directions they are equals, but a product needs no weights
/// in another order, made anew after every update: that tells where a weight has more numbers than a plane of results; and it cuts long chains of terms.
bool prefers_product(const ConvolutionGeometry& g, Direction direction) {
  if (!pointwise::fits(g) || g.in_channels < 16 || g.out_channels < 16) return false;
  const bool single = g.stride_height == 1 && g.stride_width == 1, heavy = g.in_channels >= 256 && g.out_channels >= 256;
  switch (direction) {
    case Direction::forward: return single && (heavy || g.in_channels > kLongestChain);
    case Direction::backward_data: return single && g.in_channels > 32 && (heavy || g.in_channels >= g.out_channels || g.out_channels > kLongestChain);
    case Direction::backward_weight: return true;
  }
  return false;
}

/// Of gradients of the weight that are left.
bool prefers_panels(const ConvolutionGeometry& g) { return g.in_channels >= 16 && g.out_channels >= 16; }

/// Channels enough to fill several vectors; oneDNN's gradient of the input is better where steps are of one pixel and images small.
bool prefers_depthwise(const ConvolutionGeometry& g, Direction direction) {
  if (!depthwise::fits(g) || g.groups < 96) return false;
  return direction == Direction::forward || (direction == Direction::backward_data && (g.stride_height > 1 || g.out_width >= 28));
}

/// Groups that fill no vector, and of eight channels the gradient of the input where windows of step two make pairs of results; with wide vectors, which oneDNN
/// fills only in single steps, all of step two and gradients of weights.
bool prefers_grouped(const ConvolutionGeometry& g, Direction direction) {
  const int64_t channels = g.in_channels / g.groups;
  if (!grouped::fits(g) || channels > 8) return false;
  if (channels == 4) return true;
  if (g.stride_height == 2) return has_wide_vectors() || direction == Direction::backward_data;
  return has_wide_vectors() && direction == Direction::backward_weight;
}

/// Groups of a few channels: more than one, for that is depthwise, and no more than fill the vectors of a block. oneDNN is slow at them on AVX2.
bool prefers_blocks(const ConvolutionGeometry& g) {
  const int64_t in = g.in_channels / g.groups, out = g.out_channels / g.groups;
  return std::min(in, out) >= 4 && std::max(in, out) <= 64 && g.kernel_height * g.kernel_width > 1;
}

bool prefers_direct(const ConvolutionGeometry& g, Direction direction) {
  switch (direction) {
    case Direction::forward: return prefers_forward(g);
    case Direction::backward_data: return prefers_backward_data(g);
    case Direction::backward_weight: return prefers_backward_weight(g);
  }
  return false;
}

}  // namespace

bool fits_winograd(const ConvolutionGeometry& g) {
  const bool window = g.kernel_height == 3 && g.kernel_width == 3 && g.stride_height == 1 && g.stride_width == 1;
  return window && g.padding_height <= 2 && g.padding_width <= 2 && g.groups == 1 && g.dilation_height == 1 && g.dilation_width == 1;
}

Method method_for(const ConvolutionGeometry& g, Direction direction) {
  if (prefers_depthwise(g, direction)) return Method::depthwise;
  if (g.dilation_height != 1 || g.dilation_width != 1) return Method::library;
  if (g.groups != 1) {
    if (!prefers_blocks(g)) return Method::library;
    if (prefers_grouped(g, direction)) return Method::grouped;
    return has_wide_vectors() ? Method::library : Method::direct;
  }
  if (prefers_product(g, direction)) return Method::product;
  if (prefers_winograd(g)) return Method::winograd;
  if (prefers_direct(g, direction)) return Method::direct;
  return direction == Direction::backward_weight && prefers_panels(g) ? Method::panels : Method::library;
}

}  // namespace tessera::cpu::direct
