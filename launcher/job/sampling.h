// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "core/config/recipe.h"
#include "core/data/dataset.h"
#include "core/data/sampler.h"

namespace tessera::launcher {

/// The order of training's samples that the recipe asks for. Throws Error(usage) where the data set has no classes to balance, or no lengths to sort by.
std::shared_ptr<const data::Sampler> make_sampler(const config::Recipe& recipe, const std::shared_ptr<const data::Dataset>& dataset);

}  // namespace tessera::launcher
