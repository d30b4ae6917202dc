// SPDX-License-Identifier: Apache-2.0
// What normalisations over channels share: [N, C, H, W] images and [N, C] rows, seen as pixels of channels.
#pragma once

#include <optional>
#include <string_view>

#include "core/tensor/tensor.h"

namespace tessera::ops {

struct ChannelExtent {
  int64_t samples, pixels, channels;
  int64_t rows() const { return channels == 0 ? 0 : samples * pixels; }
};

ChannelExtent channel_extent(const Shape& shape);

/// Channels innermost: channels-last for images. A copy where `x` is not that already.
Tensor channels_innermost(const Tensor& x);

/// How far apart the pixels lie, where channels are innermost and all pixels follow each other in equal steps, be it within a tensor of more channels.
std::optional<int64_t> pixel_step(const Tensor& x);

/// Error(usage) that names the op where `x` is not f32, not of such a shape, or has more channels than the kernels take.
void require_channels(std::string_view op, const Tensor& x);

}  // namespace tessera::ops
