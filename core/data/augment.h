// SPDX-License-Identifier: Apache-2.0
// Augmentation of training images: pad with zeros, crop at random, flip at random (the usual recipe for CIFAR: He et al., "Deep
// residual learning for image recognition", CVPR 2016, section 4.2). What happens to a sample is a function of (seed, epoch, sample index).
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "core/data/dataset.h"

namespace tessera::config {
class Fields;
}

namespace tessera::data {

/// Keys of the `data` block of every kind that has images.
struct AugmentConfig {
  int64_t crop_padding = 0;  ///< pixels
  bool flip = false;
  void declare(config::Fields& fields);
};

/// Where the pixels of an image come from: pixel (y, x) of the result is pixel (y + top, x + left) of the source, x counted from the right where
/// `flip`; a pixel outside the source is a raw zero.
struct Placement {
  int64_t top = 0;
  int64_t left = 0;
  bool flip = false;
};

class Augmenter {
 public:
  /// `image` is the field that is augmented. Throws Error(usage) where it is no image or smaller than the padding. Splits other than "train" are
  /// left alone.
  Augmenter(const AugmentConfig& config, std::string_view split, const Field& image);

  /// The identity outside of training.
  Placement place(int64_t index, const SampleContext& context) const;

 private:
  AugmentConfig config_;
  bool active_ = false;
};

/// Writes the planar image `from` [C, H, W] as H, W, C. `value_of(channel, stored)` converts; padding is value_of(channel, 0), so that images are
/// padded before they are normalised.
template <typename Stored, typename Wanted, typename ValueOf>
void place_image(const Stored* from, const Shape& shape, const Placement& placement, Wanted* to, ValueOf value_of) {
  const int64_t channels = shape[0], height = shape[1], width = shape[2];
  const int64_t stride = placement.flip ? -channels : channels;
  const int64_t begin = std::clamp<int64_t>(-placement.left, 0, width), end = std::clamp<int64_t>(width - placement.left, begin, width);
  for (int64_t y = 0; y < height; ++y) {
    const int64_t source_y = y + placement.top;
    const bool inside = source_y >= 0 && source_y < height;
    Wanted* const row = to + (y * width + (placement.flip ? width - 1 : 0)) * channels;
    for (int64_t channel = 0; channel < channels; ++channel) {
      const Wanted padding = value_of(channel, Stored{});
      Wanted* out = row + channel;
      if (!inside) {
        for (int64_t x = 0; x < width; ++x) out[x * stride] = padding;
        continue;
      }
      const Stored* in = from + (channel * height + source_y) * width;
      for (int64_t x = 0; x < begin; ++x) out[x * stride] = padding;
      for (int64_t x = begin; x < end; ++x) out[x * stride] = value_of(channel, in[x + placement.left]);
      for (int64_t x = end; x < width; ++x) out[x * stride] = padding;
    }
  }
}

}  // namespace tessera::data
