// SPDX-License-Identifier: Apache-2.0
// What the image classifiers of this folder share.
#pragma once

#include <memory>
#include <string>

#include "core/config/fields.h"
#include "core/nn/layers.h"
#include "recipes/model_table.h"

namespace tessera::recipes {

/// Keys of every image classifier.
struct ImageModelConfig {
  int64_t classes = 1000;
  int64_t in_channels = 3;
  void declare(config::Fields& fields);
};

/// What images a model takes, in pixels.
struct ImageLimits {
  int64_t smallest = 1;  ///< of height and width
  int64_t multiple = 1;  ///< of which both are
};

/// Channels, size and classes of the data against the model's.
void check_image_model(const ImageModelConfig& config, const ImageLimits& limits, const config::KindBlock& model, const data::Dataset& dataset);

/// Adds a family whose Config is an ImageModelConfig with a constant kImages.
template <typename Config>
void add_image_model(ModelTable& table, const std::string& name, const std::string& doc, ModelTable::Make<Config> make) {
  table.add<Config>(name, doc, make, [](const Config& config, const config::KindBlock& model, const data::Dataset& dataset) {
    check_image_model(config, Config::kImages, model, dataset);
  });
}

/// A convolution without bias, padded so that at stride 1 the image keeps its size (odd kernels).
std::unique_ptr<nn::Conv2d> plain_conv(int64_t in, int64_t out, int64_t kernel, int64_t stride = 1, int64_t groups = 1);

inline std::unique_ptr<nn::BatchNorm> batch_norm(int64_t channels) { return std::make_unique<nn::BatchNorm>(channels); }

/// Channels times a width multiplier, to the nearest multiple of 8, and up where that would take more than a tenth away: as MobileNets of TensorFlow,
/// torchvision and timm round.
int64_t scaled_channels(int64_t channels, double multiplier);

}  // namespace tessera::recipes
