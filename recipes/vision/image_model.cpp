// SPDX-License-Identifier: Apache-2.0
#include "recipes/vision/image_model.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "recipes/fit.h"

namespace tessera::recipes {

void ImageModelConfig::declare(config::Fields& fields) {
  fields.add("classes", classes, {.doc = "size of the output", .minimum = 2});
  fields.add("in_channels", in_channels, {.doc = "channels of the images", .minimum = 1});
}

void check_image_model(const ImageModelConfig& config, const ImageLimits& limits, const config::KindBlock& model, const data::Dataset& dataset) {
  check_image(model, config.in_channels, dataset);
  const Shape& sample = dataset.fields().front().shape;
  const auto refuse = [&](const std::string& takes, const std::string& fix) {
    throw Error(ErrorKind::usage, fmt::format("{} takes images of {}, but {}", model.kind, takes, sample_text(dataset)), model.node.origin().text(), fix);
  };
  if (std::min(sample[1], sample[2]) < limits.smallest) {
    refuse(fmt::format("at least {} x {} pixels", limits.smallest, limits.smallest), "give larger images, or take a model for small ones");
  }
  if (sample[1] % limits.multiple != 0 || sample[2] % limits.multiple != 0) {
    refuse(fmt::format("a multiple of {} pixels", limits.multiple), fmt::format("crop or resize the images to a multiple of {}", limits.multiple));
  }
  check_classes(model, config.classes, dataset);
}

std::unique_ptr<nn::Conv2d> plain_conv(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t groups) {
  return std::make_unique<nn::Conv2d>(nn::Conv2dOptions{
      .in_channels = in, .out_channels = out, .kernel = kernel, .stride = stride, .padding = kernel / 2, .groups = groups, .bias = false});
}

int64_t scaled_channels(int64_t channels, double multiplier) {
  constexpr int64_t kDivisor = 8;
  const double wanted = static_cast<double>(channels) * multiplier;
  const int64_t nearest = std::max(kDivisor, static_cast<int64_t>(wanted + kDivisor / 2) / kDivisor * kDivisor);
  return static_cast<double>(nearest) < 0.9 * wanted ? nearest + kDivisor : nearest;
}

}  // namespace tessera::recipes
