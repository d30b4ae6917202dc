// SPDX-License-Identifier: Apache-2.0
// Whether a model fits a data set. All throw Error(usage) that names key and fix.
#pragma once

#include <string>

#include "core/config/kinds.h"
#include "core/data/dataset.h"

namespace tessera::recipes {

/// `data` says what the data are like; `wanted` is the value of model.KEY that would fit.
[[noreturn]] void does_not_fit(const config::KindBlock& model, const std::string& key, int64_t value, const std::string& data, int64_t wanted);

/// "a sample of the data is [3, 224, 224] (channels, height, width)"
std::string sample_text(const data::Dataset& dataset);

/// Samples are images with so many channels (model.in_channels).
void check_image(const config::KindBlock& model, int64_t in_channels, const data::Dataset& dataset);

/// The data have no more classes than the model has outputs (model.classes).
void check_classes(const config::KindBlock& model, int64_t outputs, const data::Dataset& dataset);

}  // namespace tessera::recipes
