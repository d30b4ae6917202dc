// SPDX-License-Identifier: Apache-2.0
#include "tests/golden/support.h"

#include <cmath>
#include <fstream>
#include <map>

#include "core/base/error.h"
#include "core/config/load.h"
#include "core/config/resolve.h"
#include "core/config/yaml.h"
#include "recipes/registry.h"
#include "tests/golden/formula.h"

namespace tessera::golden {

std::vector<nlohmann::json> load_cases(const std::string& file) {
  const std::string path = std::string(TESSERA_GOLDEN_FOLDER) + "/" + file;
  std::ifstream stream(path);
  if (!stream) throw Error(ErrorKind::data, "no golden numbers", path, "run scripts/compare_pytorch --write-golden");
  return nlohmann::json::parse(stream).at("cases").get<std::vector<nlohmann::json>>();
}

config::Recipe recipe_of(const std::string& base, const nlohmann::json& golden_case, const std::vector<std::string>& more) {
  std::vector<std::string> overrides;
  for (const auto& [key, value] : golden_case.at("set").items()) overrides.push_back(key + "=" + value.dump());
  overrides.insert(overrides.end(), more.begin(), more.end());
  const config::KindRegistry registry = recipes::make_registry();
  return config::resolve(config::apply_overrides(config::parse_yaml(base, "golden"), overrides, registry), registry).recipe;
}

void set_weights(std::span<const checkpoint::StateEntry> weights) {
  std::map<std::string, int64_t> fan_in;  // by layer
  const auto layer_of = [](const std::string& name) { return name.substr(0, name.rfind('.')); };
  for (const auto& entry : weights) {
    if (entry.name.ends_with(".weight")) fan_in[layer_of(entry.name)] = entry.tensor.elements() / entry.tensor.shape()[0];
  }
  for (const auto& entry : weights) {
    fill(entry.tensor, entry.name, kWeightScale / std::sqrt(static_cast<double>(fan_in.at(layer_of(entry.name)))));
  }
}

double relative_distance(std::span<const float> values, std::span<const double> reference) {
  double difference = 0.0, norm = 0.0;
  for (size_t i = 0; i < reference.size(); ++i) {
    difference += std::pow(static_cast<double>(values[i]) - reference[i], 2);
    norm += reference[i] * reference[i];
  }
  return std::sqrt(difference / norm);
}

}  // namespace tessera::golden
