// SPDX-License-Identifier: Apache-2.0
// From the bytes of an image file to the numbers that a model takes: decode, crop and resize, augment, normalise. Crops, jitter, RandAugment and
// erasing are torchvision's; random numbers are a function of (seed, epoch, sample index) alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/dataset.h"
#include "core/data/image/decode.h"

namespace tessera::config {
class Fields;
}

namespace tessera::data {

/// Factors are drawn from [max(0, 1 - x), 1 + x], the turn of the hue from [-hue, hue] circles; 0: not at all. Any order, drawn anew for each image.
struct ColorJitterConfig {
  double brightness = 0, contrast = 0, saturation = 0, hue = 0;
  void declare(config::Fields& fields);
};

/// Cubuk, Zoph, Shlens, Le, "RandAugment: practical automated data augmentation with a reduced search space", NeurIPS 2020.
struct RandAugmentConfig {
  int64_t operations = 0;  ///< an image; 0: not at all
  int64_t magnitude = 9, bins = 31;
  void declare(config::Fields& fields);
};

/// Zhong, Zheng, Kang, Li, Yang, "Random erasing data augmentation", AAAI 2020.
struct ErasingConfig {
  double probability = 0;
  std::vector<double> scale = {0.02, 0.33}, ratio = {0.3, 3.3};
  double value = 0;
  void declare(config::Fields& fields);
};

/// Keys of the `data` block of every kind that reads image files.
struct ImageTransformConfig {
  std::vector<int64_t> size = {224, 224};  ///< height, width of what the model gets
  int64_t resize = 256;                    ///< short side before the crop; 0: the whole image is resized to `size`
  std::string interpolation = "bilinear";  ///< or bicubic; both antialiased
  std::string train_crop = "random_resized";
  std::vector<double> scale = {0.08, 1.0}, ratio = {0.75, 4.0 / 3.0};
  bool flip = true;
  ColorJitterConfig color_jitter;
  RandAugmentConfig rand_augment;
  ErasingConfig erasing;
  std::vector<double> mean = {0.485, 0.456, 0.406}, std = {0.229, 0.224, 0.225};
  double divisor = 255;  ///< inputs are (pixel / divisor - mean) / std
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
  void apply(std::span<const std::byte> bytes, std::string_view where, int64_t index, const SampleContext& context, float* destination) const;

 private:
  ImageTransformConfig config_;
  bool train_ = false;
};

}  // namespace tessera::data
