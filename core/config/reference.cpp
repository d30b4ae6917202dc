// SPDX-License-Identifier: Apache-2.0
#include "core/config/reference.h"

#include <cctype>
#include <cmath>

#include "core/config/recipe.h"
#include "core/config/suggest.h"
#include "core/config/value.h"

namespace tessera::config {
namespace {

constexpr const char* kIntroduction = R"(<!-- Written by `tessera schema --markdown`; a test compares. Change the `declare` of the struct that owns a key, not this page. -->
# Recipes

Every key of a recipe. A missing key has its default; an unknown one is an error. `extends: FILE`, relative to the recipe, takes over the keys of another recipe where this one
gives none: blocks are merged, lists are replaced, and a block whose `kind` changes leaves behind what the old kind does not share with the new. `--set block.key=value` on the command line goes before both.

*On resume* says what a change means to a run that goes on from a checkpoint:

- **fixed**: part of the mathematics and of the recipe's hash; a change is refused, unless `--force` accepts it;
- **extendable**: how long to train; may change;
- **free**: leaves every bit of the result alone; may change.

)";
constexpr const char* kHead = "| key | type | default | meaning | on resume |\n|---|---|---|---|---|\n";

std::string cell(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '|' || c == '*' || c == '<') escaped.push_back('\\');
    escaped.push_back(c);
  }
  return escaped;
}

/// Whole numbers without an exponent.
std::string bound_text(double bound) { return std::abs(bound) < 1e15 && bound == std::trunc(bound) ? std::to_string(static_cast<int64_t>(bound)) : format_double(bound); }

std::string sentence(std::string doc) {
  if (!doc.empty()) doc[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(doc[0])));
  return doc + ".\n\n";
}

std::string bounds_of(const About& about) {
  std::string text;
  const auto add = [&](const char* sign, const std::optional<double>& bound) {
    if (bound) text.append(text.empty() ? ", " : " and ").append(sign).append(bound_text(*bound));
  };
  add("≥ ", about.minimum);
  add("> ", about.above);
  add("≤ ", about.maximum);
  add("< ", about.below);
  return text;
}

std::string effect_of(Effect effect) { return effect == Effect::mathematics ? "fixed" : std::string(name_of(effect)); }

/// Rows of a key, and behind it of the keys of its blocks, which share its effect.
std::string rows_of(const KeyInfo& key, const std::string& path, const std::string& effect) {
  const About& about = key.about;
  const std::string type = about.choices.empty() ? key.type : "one of " + join_names(about.choices);
  const std::string default_value = about.required ? "required" : key.default_value == "''" || key.default_value == "\"\"" ? "" : "`" + key.default_value + "`";
  std::string rows = "| `" + path + "` | " + cell(type + bounds_of(about)) + (about.unit.empty() || about.unit == type ? "" : ", " + about.unit) + " | " + cell(default_value) + " | " +
                     cell(about.doc) + " | " + effect + " |\n";
  for (const KeyInfo& item : key.items) rows += rows_of(item, path + "[]" + item.path.substr(item.path.rfind('.')), effect);
  return rows;
}

std::string table_of(const std::vector<KeyInfo>& keys, const std::string& block) {
  if (keys.empty()) return "No keys of its own.\n\n";
  std::string table = kHead;
  for (const KeyInfo& key : keys) table += rows_of(key, key.path.substr(block.empty() ? 0 : block.size() + 1), effect_of(key.about.effect));
  return table + "\n";
}

std::string kinds_of(const std::string& block, const KindRegistry& registry) {
  std::string text;
  for (const KindRegistry::Kind* kind : registry.list(block)) {
    text += "### " + block + ": {kind: " + kind->name + "}\n\n" + sentence(kind->doc) + table_of(registry.keys_of_kind(*kind), block);
  }
  return text;
}

}  // namespace

std::string reference_page(const KindRegistry& registry) {
  Recipe recipe;
  Fields fields;
  recipe.declare(fields);
  std::string page = kIntroduction, top = "## Top level\n\n" + std::string(kHead), blocks;
  for (const Fields::Field& field : fields.entries()) {
    if (!field.block) {
      const KeyInfo key{field.name, type_name(field), field.default_value, field.about, field.default_value};
      top += rows_of(key, field.name, effect_of(field.about.effect));
      continue;
    }
    blocks += "## " + field.name + "\n\n" + sentence(field.about.doc) + table_of(keys_of(*field.block, field.name), field.name) + kinds_of(field.name, registry);
  }
  page += top + "\n" + blocks;
  page.pop_back();
  return page;
}

}  // namespace tessera::config
