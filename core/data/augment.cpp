// SPDX-License-Identifier: Apache-2.0
#include "core/data/augment.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/philox.h"
#include "core/config/fields.h"

namespace tessera::data {
namespace {

/// Uniform in 0..count-1, by Lemire's multiplication; its bias is below count / 2^32.
int64_t below(uint32_t bits, int64_t count) { return static_cast<int64_t>(static_cast<uint64_t>(bits) * static_cast<uint64_t>(count) >> 32); }

}  // namespace

void AugmentConfig::declare(config::Fields& fields) {
  fields.add("crop_padding", crop_padding,
             {.doc = "training images are padded by so many zeros on each side and cropped at random; 0: not at all",
              .unit = "pixels",
              .minimum = 0,
              .maximum = 4096,
              .late = true});
  fields.add("flip", flip, {.doc = "training images are mirrored left to right with probability 1/2", .late = true});
}

Augmenter::Augmenter(const AugmentConfig& config, std::string_view split, const Field& image) : config_(config) {
  if (config.crop_padding == 0 && !config.flip) return;
  const char* const key = config.crop_padding != 0 ? "data.crop_padding" : "data.flip";
  if (!image.image) {
    throw Error(ErrorKind::usage, fmt::format("samples of shape {} are no images", image.shape.text()), key, "remove it, or give images [C, H, W]");
  }
  const int64_t side = std::min(image.shape[1], image.shape[2]);
  if (config.crop_padding < 0 || config.crop_padding >= side) {
    throw Error(ErrorKind::usage, fmt::format("{} pixels of padding around images of shape {}", config.crop_padding, image.shape.text()), key,
                fmt::format("give 0 to {}", side - 1));
  }
  active_ = split == "train";
}

Placement Augmenter::place(int64_t index, const SampleContext& context) const {
  if (!active_ || !context.training) return {};
  const RandomKey key = random_key(context.seed, RandomPurpose::augment);
  const PhiloxBlock bits = philox_at(key, static_cast<uint64_t>(index), static_cast<uint64_t>(context.epoch));
  const int64_t padding = config_.crop_padding, offsets = 2 * padding + 1;
  return {below(bits[0], offsets) - padding, below(bits[1], offsets) - padding, config_.flip && (bits[2] >> 31) != 0};
}

}  // namespace tessera::data
