// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "launcher/commands/commands.h"
#include "recipes/registry.h"

namespace tessera::launcher {
namespace {

/// $TESSERA_RECIPES, else the folder of the source tree that this program was built from.
std::filesystem::path recipe_folder() {
  const char* chosen = std::getenv("TESSERA_RECIPES");
  return chosen ? chosen : TESSERA_RECIPE_FOLDER;
}

/// The comment on the first line says what a recipe is.
std::string first_comment(const std::filesystem::path& recipe) {
  std::ifstream file(recipe);
  std::string line;
  std::getline(file, line);
  return line.rfind("# ", 0) == 0 ? line.substr(2) : "";
}

}  // namespace

int list_recipes() {
  const std::filesystem::path folder = recipe_folder();
  if (!std::filesystem::is_directory(folder)) {
    throw Error(ErrorKind::usage, "there is no such folder of recipes", folder.string(), "set TESSERA_RECIPES to the recipes folder");
  }
  std::vector<std::filesystem::path> recipes;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".yaml") recipes.push_back(entry.path());
  }
  std::sort(recipes.begin(), recipes.end());
  for (const auto& recipe : recipes) fmt::print("{:<44} {}\n", std::filesystem::relative(recipe, folder.parent_path()).string(), first_comment(recipe));
  return kExitDone;
}

int list_models() {
  const config::KindRegistry registry = recipes::make_registry();
  for (const auto* kind : registry.list("model")) {
    std::string keys;
    for (const config::KeyInfo& key : registry.keys_of_kind(*kind)) keys += fmt::format("{}{}={}", keys.empty() ? "" : " ", key.path, key.value);
    fmt::print("{:<12} {}\n{:<12}   {}\n", kind->name, kind->doc, "", keys);
  }
  return kExitDone;
}

}  // namespace tessera::launcher
