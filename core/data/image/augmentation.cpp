// SPDX-License-Identifier: Apache-2.0
#include "core/data/image/augmentation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "core/base/error.h"
#include "core/config/fields.h"
#include "core/data/image/affine.h"
#include "core/data/image/color.h"
#include "core/data/image/crop.h"

namespace tessera::data {
namespace {

/// torch.linspace in f32: from both ends towards the middle.
double step_between(double first, double last, int64_t level, int64_t bins) {
  const auto begin = static_cast<float>(first), end = static_cast<float>(last);
  if (bins == 1) return begin;
  const float step = (end - begin) / static_cast<float>(bins - 1);
  return level < bins / 2 ? begin + step * static_cast<float>(level) : end - step * static_cast<float>(bins - level - 1);
}

int64_t posterize_bits(int64_t level, int64_t bins) {
  if (bins == 1) return 8;
  const float dropped = static_cast<float>(level) / static_cast<float>(static_cast<double>(bins - 1) / 4.0);
  return static_cast<int64_t>(std::nearbyint(8.0f - dropped));
}

void map_in_place(const AffineMap& map, Image& image, Image& scratch) {
  map_nearest(image, map, scratch);
  std::swap(image, scratch);
}

double jitter_factor(double width, SampleRandom& random) { return random.uniform(std::max(0.0, 1.0 - width), 1.0 + width); }

}  // namespace

void ColorJitterConfig::declare(config::Fields& fields) {
  fields.add("brightness", brightness,
             {.doc = "factors are drawn from [max(0, 1 - x), 1 + x]; 0: not at all", .minimum = 0, .maximum = 100});
  fields.add("contrast", contrast, {.doc = "likewise", .minimum = 0, .maximum = 100});
  fields.add("saturation", saturation, {.doc = "likewise", .minimum = 0, .maximum = 100});
  fields.add("hue", hue, {.doc = "the turn is drawn from [-x, x]; 0: not at all", .unit = "circles", .minimum = 0, .maximum = 0.5});
}

void RandAugmentConfig::declare(config::Fields& fields) {
  fields.add("operations", operations, {.doc = "how many are applied to an image; 0: none", .minimum = 0, .maximum = 100});
  fields.add("magnitude", magnitude, {.doc = "step on the scale of bins, from 0", .minimum = 0, .maximum = 1000});
  fields.add("bins", bins, {.doc = "steps of the scale of magnitudes", .minimum = 1, .maximum = 1000});
}

void ErasingConfig::declare(config::Fields& fields) {
  fields.add("probability", probability, {.doc = "of erasing a rectangle of an image", .minimum = 0, .maximum = 1});
  fields.add("scale", scale, {.doc = "smallest and largest share of the image's area", .maximum = 1, .above = 0});
  fields.add("ratio", ratio, {.doc = "smallest and largest height over width", .maximum = 1000, .above = 0});
  fields.add("value", value, {.doc = "what the inputs are there, after normalising"});
}

void check_range(const std::vector<double>& range, const char* key) {
  if (range.size() == 2 && range[0] <= range[1] && range[0] > 0) return;
  throw Error(ErrorKind::usage, "not a smallest and a largest positive number", key, "give two numbers, the smaller one first");
}

void check(const RandAugmentConfig& config) {
  if (config.magnitude < config.bins) return;
  throw Error(ErrorKind::usage, fmt::format("magnitude {} on a scale of {} bins", config.magnitude, config.bins), "rand_augment.magnitude",
              fmt::format("give 0 to {}", config.bins - 1));
}

AugmentOperation operation_of(std::string_view name) {
  constexpr std::array<std::string_view, kAugmentOperations> kNames = {
      "Identity", "ShearX",   "ShearY",    "TranslateX", "TranslateY", "Rotate",       "Brightness",
      "Color",    "Contrast", "Sharpness", "Posterize",  "Solarize",   "AutoContrast", "Equalize"};
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) throw Error(ErrorKind::usage, fmt::format("unknown operation '{}'", name), "RandAugment");
  return static_cast<AugmentOperation>(found - kNames.begin());
}

double magnitude_of(AugmentOperation operation, int64_t level, int64_t bins, int64_t height, int64_t width) {
  constexpr double kLargestShift = 150.0 / 331.0;  // of a side
  switch (operation) {
    case AugmentOperation::shear_x:
    case AugmentOperation::shear_y: return step_between(0.0, 0.3, level, bins);
    case AugmentOperation::translate_x: return step_between(0.0, kLargestShift * static_cast<double>(width), level, bins);
    case AugmentOperation::translate_y: return step_between(0.0, kLargestShift * static_cast<double>(height), level, bins);
    case AugmentOperation::rotate: return step_between(0.0, 30.0, level, bins);
    case AugmentOperation::brightness:
    case AugmentOperation::color:
    case AugmentOperation::contrast:
    case AugmentOperation::sharpness: return step_between(0.0, 0.9, level, bins);
    case AugmentOperation::posterize: return static_cast<double>(posterize_bits(level, bins));
    case AugmentOperation::solarize: return step_between(1.0, 0.0, level, bins);
    case AugmentOperation::identity:
    case AugmentOperation::auto_contrast:
    case AugmentOperation::equalize: break;
  }
  return 0.0;
}

bool is_signed(AugmentOperation operation) { return operation >= AugmentOperation::shear_x && operation <= AugmentOperation::sharpness; }

void apply_operation(AugmentOperation operation, double magnitude, Image& image, Image& scratch) {
  const auto whole = static_cast<int64_t>(magnitude);
  switch (operation) {
    case AugmentOperation::identity: return;
    case AugmentOperation::shear_x: return map_in_place(shear_map_x(magnitude, image.height(), image.width()), image, scratch);
    case AugmentOperation::shear_y: return map_in_place(shear_map_y(magnitude, image.height(), image.width()), image, scratch);
    case AugmentOperation::translate_x: return map_in_place(shift_map(whole, 0), image, scratch);
    case AugmentOperation::translate_y: return map_in_place(shift_map(0, whole), image, scratch);
    case AugmentOperation::rotate: return map_in_place(turn_map(magnitude), image, scratch);
    case AugmentOperation::brightness: return adjust_brightness(image, 1.0 + magnitude);
    case AugmentOperation::color: return adjust_saturation(image, 1.0 + magnitude);
    case AugmentOperation::contrast: return adjust_contrast(image, 1.0 + magnitude);
    case AugmentOperation::sharpness: return adjust_sharpness(image, 1.0 + magnitude);
    case AugmentOperation::posterize: return posterize(image, whole);
    case AugmentOperation::solarize: return solarize(image, 255.0 * magnitude);
    case AugmentOperation::auto_contrast: return auto_contrast(image);
    case AugmentOperation::equalize: return equalize(image);
  }
}

void color_jitter(const ColorJitterConfig& config, SampleRandom& random, Image& image) {
  std::array<int, 4> order = {0, 1, 2, 3};
  for (size_t i = order.size() - 1; i > 0; --i) std::swap(order[i], order[static_cast<size_t>(random.below(static_cast<int64_t>(i) + 1))]);
  const double brightness = jitter_factor(config.brightness, random), contrast = jitter_factor(config.contrast, random);
  const double saturation = jitter_factor(config.saturation, random), turn = random.uniform(-config.hue, config.hue);
  for (const int change : order) {
    if (change == 0 && config.brightness > 0) adjust_brightness(image, brightness);
    if (change == 1 && config.contrast > 0) adjust_contrast(image, contrast);
    if (change == 2 && config.saturation > 0) adjust_saturation(image, saturation);
    if (change == 3 && config.hue > 0) adjust_hue(image, turn);
  }
}

void rand_augment(const RandAugmentConfig& config, SampleRandom& random, Image& image, Image& scratch) {
  for (int64_t i = 0; i < config.operations; ++i) {
    const auto operation = static_cast<AugmentOperation>(random.below(kAugmentOperations));
    const double magnitude = magnitude_of(operation, config.magnitude, config.bins, image.height(), image.width());
    const bool negative = random.below(2) == 0 && is_signed(operation);
    apply_operation(operation, negative ? -magnitude : magnitude, image, scratch);
  }
}

void erase(const ErasingConfig& config, SampleRandom& random, int64_t height, int64_t width, float* image) {
  if (random.uniform(0, 1) >= config.probability) return;
  const auto region = random_erasing(height, width, {config.scale, config.ratio}, random);
  if (!region) return;
  for (int64_t y = region->top; y < region->top + region->height; ++y) {
    float* const row = image + (y * width + region->left) * Image::kChannels;
    std::fill_n(row, region->width * Image::kChannels, static_cast<float>(config.value));
  }
}

}  // namespace tessera::data
