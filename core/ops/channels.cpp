// SPDX-License-Identifier: Apache-2.0
#include "core/ops/channels.h"

#include <string>

#include "core/base/error.h"
#include "core/kernels/normalisation.h"
#include "core/ops/checks.h"

namespace tessera::ops {

ChannelExtent channel_extent(const Shape& shape) {
  int64_t pixels = 1;
  for (size_t dim = 2; dim < shape.dims(); ++dim) pixels *= shape[dim];
  return {shape[0], pixels, shape[1]};
}

Tensor channels_innermost(const Tensor& x) { return x.shape().dims() == 4 ? channels_last(x) : contiguous(x); }

std::optional<int64_t> pixel_step(const Tensor& x) {
  const Shape &shape = x.shape(), &strides = x.strides();
  if (shape[1] > 1 && strides[1] != 1) return std::nullopt;
  std::optional<int64_t> step;
  int64_t pixels = 1;
  for (size_t dim = shape.dims(); dim-- > 0;) {
    if (dim == 1 || shape[dim] == 1) continue;
    if (!step) step = strides[dim];
    if (strides[dim] != pixels * *step) return std::nullopt;
    pixels *= shape[dim];
  }
  return step.value_or(shape[1]);
}

void require_channels(std::string_view op, const Tensor& x) {
  require_f32(op, x);
  const Shape& shape = x.shape();
  const std::string name(op);
  if (shape.dims() != 4 && shape.dims() != 2) throw Error(ErrorKind::usage, name + " needs [N, C, H, W] or [N, C], not " + shape.text());
  if (shape[1] <= kMostNormalisedChannels) return;
  throw Error(ErrorKind::usage, name + " takes at most " + std::to_string(kMostNormalisedChannels) + " channels, not " + shape.text());
}

}  // namespace tessera::ops
