// SPDX-License-Identifier: Apache-2.0
// Changes of colour, in place: torchvision's transforms.v2 functions on 8-bit tensors, which cut results to 0..255 and drop fractions. Each
// pixel is within 1 of torchvision's.
#pragma once

#include <cstdint>

#include "core/data/image/image.h"

namespace tessera::data {

/// Factors are at least 0; 1 changes nothing.
void adjust_brightness(Image& image, double factor);
/// Between the mean of the grey image (0) and the image.
void adjust_contrast(Image& image, double factor);
/// Between the grey image (0) and the image.
void adjust_saturation(Image& image, double factor);
/// Turns the hue by `turn` circles, -1/2 to 1/2.
void adjust_hue(Image& image, double turn);
/// Between the image blurred over 3 x 3 pixels (0) and the image; the outermost pixels stay.
void adjust_sharpness(Image& image, double factor);

/// Keeps the highest bits of each number, 0 to 8.
void posterize(Image& image, int64_t bits);
/// Inverts what is at least the threshold.
void solarize(Image& image, double threshold);
/// Stretches each channel to 0..255.
void auto_contrast(Image& image);
/// Makes each channel's histogram flat (Pillow's ImageOps.equalize).
void equalize(Image& image);

}  // namespace tessera::data
