// SPDX-License-Identifier: Apache-2.0
// From the bytes of an image file to the numbers that a model takes: decode, crop and resize, augment, normalise. Crops, jitter,
// RandAugment and erasing are torchvision's; random numbers are a function of (seed, epoch, sample index) alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/dataset.h"
#include "core/data/image/augmentation.h"
#include "core/data/image/crop.h"
#include "core/data/image/decode.h"
#include "core/data/image/resize.h"

namespace tessera::config {
class Fields;
}

namespace tessera::data {

/// Keys of the `data` block of every kind that reads image files.
struct ImageTransformConfig {
  std::vector<int64_t> size = {224, 224};     ///< height, width of what the model gets
  int64_t resize = 256;                       ///< short side before the crop; 0: the whole image is resized to `size`
  std::string rounding = "torchvision";       ///< or nearest (SideRounding)
  std::string interpolation = "bilinear";     ///< or bicubic; both antialiased
  std::string train_crop = "random_resized";  ///< or random or center, of the resized image
  bool scaled_decode = true;
  std::vector<double> scale = {0.08, 1.0}, ratio = {0.75, 4.0 / 3.0};
  bool flip = true;
  ColorJitterConfig color_jitter;
  RandAugmentConfig rand_augment;
  ErasingConfig erasing;
  std::vector<double> mean = {0.485, 0.456, 0.406}, std = {0.229, 0.224, 0.225};
  double divisor = 255;  ///< of pixels: inputs are (pixel / divisor - mean) / std
  std::string channel_order = "rgb";
  bool exif_orientation = false;
  int64_t max_pixels = DecodeOptions{}.max_pixels;
  void declare(config::Fields& fields);
};

class ImageTransform {
 public:
  /// Augments samples of split "train" in training. Throws Error(usage) that names the key of a value that does not fit.
  ImageTransform(const ImageTransformConfig& config, std::string_view split);

  /// Of a sample: [3, height, width].
  Shape shape() const { return {Image::kChannels, config_.size[0], config_.size[1]}; }
  std::vector<Brightness> brightness() const;

  /// Writes H, W, C. `where` is the place of the bytes, for errors: Error(data) where they are no sound image. Thread-safe.
  void apply(std::span<const std::byte> bytes, std::string_view where, int64_t index, const SampleContext& context,
             float* destination) const;

 private:
  struct Source;
  /// What apply() normalises: decoded, cropped, resized, augmented.
  void make_pixels(std::span<const std::byte> bytes, std::string_view where, int64_t index, const SampleContext& context, Image& out) const;
  void crop_and_resize(const Source& source, SampleRandom& random, bool flip, Image& out) const;
  void resize_and_crop(const Source& source, SampleRandom* random, bool flip, Image& out) const;
  bool augments(const SampleContext& context) const { return train_ && context.training; }

  ImageTransformConfig config_;
  DecodeOptions decode_options_;
  Interpolation interpolation_ = Interpolation::bilinear;
  float factor_[3] = {}, offset_[3] = {};  // of a stored number: inputs are number * factor + offset
  bool train_ = false;
};

}  // namespace tessera::data
