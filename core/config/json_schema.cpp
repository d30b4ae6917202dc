// SPDX-License-Identifier: Apache-2.0
#include "core/config/json_schema.h"

#include <nlohmann/json.hpp>

#include <cmath>

#include "core/config/recipe.h"

namespace tessera::config {
namespace {

using Json = nlohmann::ordered_json;

std::string description_of(const About& about, bool value) {
  std::string text = about.doc;
  if (!about.unit.empty()) text += " [" + about.unit + "]";
  if (!value) return text;
  switch (about.effect) {
    case Effect::mathematics: return text + ". A change is refused on resume.";
    case Effect::extendable: return text + ". May be changed on resume.";
    case Effect::free: return text + ". Free: changes no bit of the result.";
  }
  return text;
}

template <typename Number>
void add_bounds(const About& about, Json& schema) {
  const auto add = [&](const char* keyword, const std::optional<double>& bound) {
    if (bound) schema[keyword] = static_cast<Number>(*bound);
  };
  add("minimum", about.minimum);
  add("maximum", about.maximum);
  add("exclusiveMinimum", about.above);
  add("exclusiveMaximum", about.below);
}

Json number_of(double value) { return std::isfinite(value) ? Json(value) : Json(format_double(value)); }

/// What the schema has to know about a type: the type, bounds and choices, and a value as JSON.
Json schema_of(const bool*, const About&) { return {{"type", "boolean"}}; }
Json schema_of(const int64_t*, const About& about) {
  Json schema = {{"type", "integer"}};
  add_bounds<int64_t>(about, schema);
  return schema;
}
Json schema_of(const double*, const About& about) {
  Json schema = {{"type", "number"}};
  add_bounds<double>(about, schema);
  return schema;
}
Json schema_of(const std::string*, const About& about) {
  Json schema = {{"type", "string"}};
  if (!about.choices.empty()) schema["enum"] = about.choices;
  return schema;
}
Json schema_of(const Bytes*, const About& about) {
  Json schema = {{"type", Json::array({"integer", "string"})}, {"pattern", "^[+]?[0-9.]+([eE][+]?[0-9]+)? *([kMGT]B|[KMGT]iB|B)$"}};
  add_bounds<int64_t>(about, schema);
  if (!about.minimum) schema["minimum"] = 0;
  return schema;
}
template <typename Item>
Json schema_of(const std::optional<Item>*, const About& about) {
  Json schema = schema_of(static_cast<const Item*>(nullptr), about);
  Json types = schema["type"].is_array() ? schema["type"] : Json::array({schema["type"]});
  types.push_back("null");
  schema["type"] = types;
  if (schema.contains("enum")) schema["enum"].push_back(nullptr);
  return schema;
}
template <typename Item>
Json schema_of(const std::vector<Item>*, const About& about) {
  return {{"type", "array"}, {"items", schema_of(static_cast<const Item*>(nullptr), about)}};
}

Json json_of(bool value) { return value; }
Json json_of(int64_t value) { return value; }
Json json_of(double value) { return number_of(value); }
Json json_of(const std::string& value) { return value; }
Json json_of(Bytes value) { return format_bytes(value); }
template <typename Item>
Json json_of(const std::optional<Item>& value) {
  return value ? json_of(*value) : Json();
}
template <typename Item>
Json json_of(const std::vector<Item>& values) {
  Json list = Json::array();
  for (const Item& value : values) list.push_back(json_of(value));
  return list;
}

Json block_schema(const Fields& fields);

Json required_keys(const Fields& fields) {
  Json names = Json::array();
  for (const Fields::Field& field : fields.entries()) {
    if (field.about.required) names.push_back(field.name);
  }
  return names;
}

Json field_schema(const Fields::Field& field) {
  Json schema = {{"description", description_of(field.about, !field.block)}};
  if (field.block) {
    schema.update(block_schema(*field.block));
    schema["type"] = Json::array({"object", "null"});
  } else if (field.blocks) {
    Json item = block_schema(field.blocks->item_keys());
    if (const Json required = required_keys(field.blocks->item_keys()); !required.empty()) item["required"] = required;
    schema.update({{"type", "array"}, {"items", item}});
  } else {
    schema.update(std::visit([&](const auto* value) { return schema_of(value, field.about); }, field.target));
    if (!field.about.required) schema["default"] = std::visit([](const auto* value) { return json_of(*value); }, field.target);
  }
  return schema;
}

Json block_schema(const Fields& fields) {
  Json properties = Json::object();
  for (const Fields::Field& field : fields.entries()) properties[field.name] = field_schema(field);
  return {{"type", "object"}, {"properties", properties}, {"additionalProperties", false}};
}

/// A recipe's keys with those of one kind among its block's.
class KeysOfKind {
 public:
  KeysOfKind(const std::string& block, const KindRegistry::Kind& kind) : block_(block), config_(kind.make()) {
    recipe_.declare(fields_);
    config_->declare(fields_.block(block));
  }
  const Fields& keys() { return fields_.block(block_); }

 private:
  std::string block_;
  std::unique_ptr<KindRegistry::Config> config_;
  Recipe recipe_;
  Fields fields_;
};

/// Adds the keys of a branch to those of a block whose kind is not given in this file: any kind's may stand there.
void merge_properties(const Json& branch, Json& all) {
  for (const auto& [name, schema] : branch.items()) {
    if (!all.contains(name)) {
      all[name] = schema;
    } else if (all[name] != schema) {
      if (!all[name].contains("anyOf")) all[name] = {{"anyOf", Json::array({all[name]})}};
      all[name]["anyOf"].push_back(schema);
    }
  }
}

/// One branch a kind, chosen by `kind`, and one for blocks that inherit theirs or leave it at the default.
Json kind_block_schema(const Fields::Field& field, const KindRegistry& registry) {
  Json branches = Json::array(), any = Json::object();
  for (const KindRegistry::Kind* kind : registry.list(field.name)) {
    KeysOfKind keys(field.name, *kind);
    Json branch = block_schema(keys.keys());
    merge_properties(branch["properties"], any);
    branch["properties"]["kind"] = {{"const", kind->name}, {"description", kind->doc}};
    branch["required"] = Json::array({"kind"});
    Json titled = {{"title", kind->name}, {"description", kind->doc}};
    titled.update(branch);
    branches.push_back(titled);
  }
  any.erase("kind");
  branches.push_back({{"title", "kind as inherited or by default"},
                      {"type", "object"},
                      {"properties", any},
                      {"not", {{"required", Json::array({"kind"})}}},
                      {"additionalProperties", false}});
  branches.push_back({{"type", "null"}});
  return {{"description", field.about.doc}, {"oneOf", branches}};
}

/// What a block that stands alone must have; an empty object where nothing is required.
Json block_requirements(const Fields::Field& field, const KindRegistry& registry) {
  Json rules = Json::object();
  if (const Json required = required_keys(*field.block); !required.empty()) rules = {{"type", "object"}, {"required", required}};
  for (const KindRegistry::Kind* kind : registry.list(field.name)) {
    KeysOfKind keys(field.name, *kind);
    const Json required = required_keys(keys.keys());
    if (required == rules.value("required", Json::array())) continue;
    const Json chosen = {{"required", Json::array({"kind"})}, {"properties", {{"kind", {{"const", kind->name}}}}}};
    rules["allOf"].push_back({{"if", chosen}, {"then", {{"required", required}}}});
  }
  return rules;
}

}  // namespace

std::string json_schema(const KindRegistry& registry) {
  Recipe recipe;
  Fields fields;
  recipe.declare(fields);
  Json properties = {{"extends", {{"description", "another recipe, relative to this file, whose keys hold where this one gives none"}, {"type", "string"}}}};
  Json required = required_keys(fields), requirements = Json::object();
  for (const Fields::Field& field : fields.entries()) {
    const bool has_kinds = field.block && !registry.list(field.name).empty();
    properties[field.name] = has_kinds ? kind_block_schema(field, registry) : field_schema(field);
    if (!field.block) continue;
    const Json rules = block_requirements(field, registry);
    if (rules.empty()) continue;
    requirements[field.name] = rules;
    if (rules.contains("required")) required.push_back(field.name);
  }
  const Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                       {"title", "Tessera recipe"},
                       {"type", "object"},
                       {"properties", properties},
                       {"additionalProperties", false},
                       {"if", {{"not", {{"required", Json::array({"extends"})}}}}},
                       {"then", {{"required", required}, {"properties", requirements}}}};
  return schema.dump(2) + "\n";
}

}  // namespace tessera::config
