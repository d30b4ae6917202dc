// SPDX-License-Identifier: Apache-2.0
#include "core/data/image/transform.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/error.h"
#include "core/config/fields.h"
#include "core/kernels/kernels.h"

namespace tessera::data {
namespace {

/// Working memory that a thread keeps from image to image; nothing in it outlives a call.
struct TransformMemory {
  Image decoded, pixels, scratch;
  Resizer resizer;
};

TransformMemory& transform_memory() {
  thread_local TransformMemory memory;
  return memory;
}

/// The smallest scale of the frequency domain that still leaves at least as many pixels as the result has.
int64_t eighths_for(const Region& crop, int64_t height, int64_t width) {
  for (const int64_t eighths : {1, 2, 4}) {
    if (crop.height * eighths >= height * 8 && crop.width * eighths >= width * 8) return eighths;
  }
  return 8;
}

void exchange_red_and_blue(Image& image) {
  uint8_t* const end = image.pixels() + image.size_bytes();
  for (uint8_t* pixel = image.pixels(); pixel != end; pixel += Image::kChannels) std::swap(pixel[0], pixel[2]);
}

void check_three(const std::vector<double>& values, const char* key) {
  const bool finite = std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
  if (values.size() == Image::kChannels && finite) return;
  throw Error(ErrorKind::usage, fmt::format("{} finite numbers are wanted, one for each channel", Image::kChannels), key,
              "give a list of three");
}

void check_config(const ImageTransformConfig& config) {
  if (config.size.size() != 2 || config.size[0] < 1 || config.size[1] < 1) {
    throw Error(ErrorKind::usage, "not the height and width of an image", "data.size", "give two positive numbers, as in [224, 224]");
  }
  const int64_t larger = std::max(config.size[0], config.size[1]);
  if (config.resize != 0 && config.resize < larger) {
    throw Error(ErrorKind::usage,
                fmt::format("no {} x {} pixels lie in an image with a short side of {}", config.size[1], config.size[0], config.resize),
                "data.resize", fmt::format("give at least {}, or 0 to resize whole images", larger));
  }
  check_three(config.mean, "data.mean");
  check_three(config.std, "data.std");
  if (std::any_of(config.std.begin(), config.std.end(), [](double value) { return value <= 0; })) {
    throw Error(ErrorKind::usage, "not a positive number", "data.std", "give the deviation of pixel / divisor");
  }
  check_range(config.scale, "data.scale");
  check_range(config.ratio, "data.ratio");
  check_range(config.erasing.scale, "data.erasing.scale");
  check_range(config.erasing.ratio, "data.erasing.ratio");
  check(config.rand_augment);
}

}  // namespace

struct ImageTransform::Source {
  std::span<const std::byte> bytes;
  std::string_view where;
  ImageInfo info;
};

void ImageTransformConfig::declare(config::Fields& fields) {
  fields.add("size", size, {.doc = "height and width of the inputs", .unit = "pixels", .minimum = 1, .maximum = 16384});
  fields.add("resize", resize,
             {.doc = "images are resized to this short side and cropped in the middle; 0: whole images are resized to size",
              .unit = "pixels",
              .minimum = 0,
              .maximum = 16384});
  fields.add("rounding", rounding,
             {.doc = "of fractions of a pixel. torchvision: the long side is rounded down when the image is resized, the place of the middle to nearest; nearest: the other way round",
              .choices = {"torchvision", "nearest"},
              .late = true});
  fields.add("interpolation", interpolation, {.doc = "of resizing; both are antialiased", .choices = {"bilinear", "bicubic"}});
  fields.add(
      "train_crop", train_crop,
      {.doc = "of training images: random_resized (a rectangle of random area and shape), or a random or the center part after resizing",
       .choices = {"random_resized", "random", "center"}});
  fields.add("scale", scale, {.doc = "smallest and largest share of the area that random_resized takes", .maximum = 1, .above = 0});
  fields.add("ratio", ratio, {.doc = "smallest and largest width over height of random_resized", .maximum = 1000, .above = 0});
  fields.add(
      "scaled_decode", scaled_decode,
      {.doc = "random_resized decodes JPEG files at 1/2, 1/4 or 1/8 of their size where that leaves pixels enough: faster, other pixels"});
  fields.add("flip", flip, {.doc = "training images are mirrored left to right with probability 1/2"});
  fields.add("color_jitter", color_jitter, {.doc = "random brightness, contrast, saturation and hue of training images"});
  fields.add("rand_augment", rand_augment, {.doc = "RandAugment of training images"});
  fields.add("erasing", erasing, {.doc = "random erasing of a rectangle of training images"});
  fields.add("mean", mean, {.doc = "inputs are (pixel / divisor - mean) / std; a number for each channel, in channel_order"});
  fields.add("std", std, {.doc = "see mean", .above = 0});
  fields.add("divisor", divisor, {.doc = "see mean; pixels are 0 to 255", .above = 0});
  fields.add("channel_order", channel_order, {.doc = "of the inputs", .choices = {"rgb", "bgr"}});
  fields.add("exif_orientation", exif_orientation, {.doc = "turn JPEG images as their EXIF entry says; torchvision does not"});
  fields.add("max_pixels", max_pixels, {.doc = "larger images are errors", .unit = "pixels", .minimum = 1, .maximum = 4294967296.0});
}

ImageTransform::ImageTransform(const ImageTransformConfig& config, std::string_view split) : config_(config), train_(split == "train") {
  check_config(config);
  decode_options_ = {config.max_pixels, config.exif_orientation};
  interpolation_ = config.interpolation == "bicubic" ? Interpolation::bicubic : Interpolation::bilinear;
  for (size_t channel = 0; channel < Image::kChannels; ++channel) {
    factor_[channel] = static_cast<float>(1.0 / (config.divisor * config.std[channel]));
    offset_[channel] = static_cast<float>(-config.mean[channel] / config.std[channel]);
  }
}

std::vector<Brightness> ImageTransform::brightness() const {
  std::vector<Brightness> channels;
  for (size_t channel = 0; channel < Image::kChannels; ++channel) {
    const double share = config_.divisor / 255.0;
    channels.push_back({config_.mean[channel] * share, config_.std[channel] * share});
  }
  return channels;
}

/// A rectangle of the source becomes the whole result; filters do not see what lies around it, as in torchvision's resized_crop.
void ImageTransform::crop_and_resize(const Source& source, SampleRandom& random, bool flip, Image& out) const {
  TransformMemory& memory = transform_memory();
  const int64_t height = config_.size[0], width = config_.size[1];
  const Region crop = random_resized_crop(source.info.height, source.info.width, {config_.scale, config_.ratio}, random);
  const int64_t eighths = config_.scaled_decode ? eighths_for(crop, height, width) : 8;
  const ImagePart part = decode_part(source.bytes, decode_options_, source.where, crop, eighths, memory.decoded);
  const auto begin = [&](int64_t at) { return at * part.eighths / 8; };
  const auto end = [&](int64_t at) { return (at * part.eighths + 7) / 8; };
  const auto exact = [&](int64_t at) { return static_cast<double>(at * part.eighths) / 8.0; };
  const int64_t top = begin(crop.top), left = begin(crop.left);
  const SourceBox box{exact(crop.top) - static_cast<double>(top), exact(crop.left) - static_cast<double>(left), exact(crop.height),
                      exact(crop.width)};
  memory.resizer.prepare({end(crop.top + crop.height) - top,
                          end(crop.left + crop.width) - left,
                          box,
                          height,
                          width,
                          {0, 0, height, width},
                          flip,
                          interpolation_});
  memory.resizer.resize(memory.decoded, part.top - top, part.left - left, out);
}

/// The whole source is resized; `random` chooses the part that is taken of it, else it is the one in the middle.
void ImageTransform::resize_and_crop(const Source& source, SampleRandom* random, bool flip, Image& out) const {
  TransformMemory& memory = transform_memory();
  const int64_t height = config_.size[0], width = config_.size[1], source_height = source.info.height, source_width = source.info.width;
  const SideRounding rounding = config_.rounding == "nearest" ? SideRounding::nearest : SideRounding::torchvision;
  const auto [whole_height, whole_width] =
      config_.resize == 0 ? std::pair(height, width) : scaled_to_short_side(source_height, source_width, config_.resize, rounding);
  Region crop = center_crop(whole_height, whole_width, height, width, rounding);
  if (random != nullptr) {
    crop.top = random->below(whole_height - height + 1);
    crop.left = random->below(whole_width - width + 1);
  }
  const SourceBox box{0, 0, static_cast<double>(source_height), static_cast<double>(source_width)};
  const Region needed = memory.resizer.prepare({source_height, source_width, box, whole_height, whole_width, crop, flip, interpolation_});
  const ImagePart part = decode_part(source.bytes, decode_options_, source.where, needed, 8, memory.decoded);
  memory.resizer.resize(memory.decoded, part.top, part.left, out);
}

void ImageTransform::make_pixels(std::span<const std::byte> bytes, std::string_view where, int64_t index, const SampleContext& context,
                                 Image& out) const {
  const Source source{bytes, where, inspect(bytes, decode_options_, where)};
  if (!augments(context)) return resize_and_crop(source, nullptr, false, out);
  const auto random = [&](AugmentStage stage) { return SampleRandom(context.seed, index, context.epoch, stage); };
  SampleRandom crop = random(AugmentStage::crop);
  const bool flip = config_.flip && random(AugmentStage::flip).below(2) == 1;
  if (config_.train_crop == "random_resized") {
    crop_and_resize(source, crop, flip, out);
  } else {
    resize_and_crop(source, config_.train_crop == "random" ? &crop : nullptr, flip, out);
  }
  if (config_.color_jitter.active()) {
    SampleRandom jitter = random(AugmentStage::jitter);
    data::color_jitter(config_.color_jitter, jitter, out);
  }
  if (config_.rand_augment.operations > 0) {
    SampleRandom choice = random(AugmentStage::rand_augment);
    data::rand_augment(config_.rand_augment, choice, out, transform_memory().scratch);
  }
}

void ImageTransform::apply(std::span<const std::byte> bytes, std::string_view where, int64_t index, const SampleContext& context,
                           float* destination) const {
  Image& image = transform_memory().pixels;
  make_pixels(bytes, where, index, context, image);
  if (config_.channel_order == "bgr") exchange_red_and_blue(image);
  kernels_for(Device::cpu)
      .resample.normalise({image.height() * image.width(),
                           {factor_[0], factor_[1], factor_[2]},
                           {offset_[0], offset_[1], offset_[2]},
                           image.pixels(),
                           destination});
  if (augments(context) && config_.erasing.probability > 0) {
    SampleRandom erasing(context.seed, index, context.epoch, AugmentStage::erasing);
    erase(config_.erasing, erasing, image.height(), image.width(), destination);
  }
}

}  // namespace tessera::data
