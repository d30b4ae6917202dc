// SPDX-License-Identifier: Apache-2.0
// Random changes of the colours and geometry of training images, as torchvision's transforms.v2 of the same names.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/data/image/image.h"
#include "core/data/sample_random.h"

namespace tessera::config {
class Fields;
}

namespace tessera::data {

/// Factors are drawn from [max(0, 1 - x), 1 + x], the turn of the hue from [-hue, hue] circles; 0: not at all. In an order drawn anew for
/// each image.
struct ColorJitterConfig {
  double brightness = 0, contrast = 0, saturation = 0, hue = 0;
  void declare(config::Fields& fields);
  bool active() const { return brightness > 0 || contrast > 0 || saturation > 0 || hue > 0; }
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

enum class AugmentOperation {
  identity,
  shear_x,
  shear_y,
  translate_x,
  translate_y,
  rotate,
  brightness,
  color,
  contrast,
  sharpness,
  posterize,
  solarize,
  auto_contrast,
  equalize
};
inline constexpr int64_t kAugmentOperations = 14;

/// By torchvision's name, as in "ShearX". Throws Error(usage) for another one.
AugmentOperation operation_of(std::string_view name);

/// What step `level` of 0..bins-1 means for an operation on an image of that size; 0 where it has no magnitude.
double magnitude_of(AugmentOperation operation, int64_t level, int64_t bins, int64_t height, int64_t width);
/// Whether the magnitude's sign is drawn.
bool is_signed(AugmentOperation operation);
/// `scratch` is memory for geometric ones.
void apply_operation(AugmentOperation operation, double magnitude, Image& image, Image& scratch);

void color_jitter(const ColorJitterConfig& config, SampleRandom& random, Image& image);
void rand_augment(const RandAugmentConfig& config, SampleRandom& random, Image& image, Image& scratch);
/// Sets a rectangle of the normalised image [height, width, 3] to config.value.
void erase(const ErasingConfig& config, SampleRandom& random, int64_t height, int64_t width, float* image);

/// Throw Error(usage) that names the key of values that do not fit each other.
void check(const RandAugmentConfig& config);
void check_range(const std::vector<double>& range, const char* key);

}  // namespace tessera::data
