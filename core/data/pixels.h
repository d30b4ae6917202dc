// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

namespace tessera::data {

/// The normalised f32 value of every 8-bit pixel value.
using PixelTable = std::array<float, 256>;

/// (pixel / 255 - mean) / std with the roundings of PyTorch's ToTensor and Normalize. Throws Error(usage) that names data.mean or data.std where they
/// are not finite or std is not positive.
PixelTable pixel_table(double mean, double std);

}  // namespace tessera::data
