// SPDX-License-Identifier: Apache-2.0
// Shared by the golden tests: their files, the recipes in them, and the weights.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "core/checkpoint/state.h"
#include "core/config/recipe.h"

namespace tessera::golden {

/// The `cases` of a file beside the tests.
std::vector<nlohmann::json> load_cases(const std::string& file);

/// `base` (YAML) with the keys of the case's `set`, then `more` ("key=value").
config::Recipe recipe_of(const std::string& base, const nlohmann::json& golden_case, const std::vector<std::string>& more = {});

/// Fills every tensor by the formula, scaled by kWeightScale over the root of its layer's fan-in.
void set_weights(std::span<const checkpoint::StateEntry> weights);

/// Two-norm of `values - reference` over that of `reference`.
double relative_distance(std::span<const float> values, std::span<const double> reference);

/// Names tests by their case.
inline std::string name_of(const testing::TestParamInfo<nlohmann::json>& info) { return info.param.at("name").get<std::string>(); }

}  // namespace tessera::golden

namespace nlohmann {
/// Keeps failure messages short: without it a whole case is printed.
inline void PrintTo(const json& value, std::ostream* out) { *out << value.value("name", "?"); }
}  // namespace nlohmann
