// SPDX-License-Identifier: Apache-2.0
#include "tests/recipes/schema_checker.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <regex>

#include "core/config/scalar.h"

namespace tessera {
namespace {

using nlohmann::json;
using Problem = std::string;

/// As YAML 1.2's core schema reads it.
json json_of(const config::Node& node) {
  if (node.is_null()) return nullptr;
  if (node.is_list() || node.is_map()) {
    json value = node.is_list() ? json::array() : json::object();
    for (size_t i = 0; i < node.children().size(); ++i) {
      if (node.is_list()) value.push_back(json_of(node.children()[i]));
      if (node.is_map()) value[node.keys()[i].name] = json_of(node.children()[i]);
    }
    return value;
  }
  if (node.quoted()) return node.text();
  if (const auto flag = config::parse_bool(node.text())) return *flag;
  if (const auto whole = config::parse_int64(node.text())) return *whole;
  if (const auto number = config::parse_double(node.text())) return *number;
  return node.text();
}

bool has_type(const json& value, const std::string& type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_boolean();
  if (type == "integer") return value.is_number() && std::trunc(value.get<double>()) == value.get<double>();
  if (type == "number") return value.is_number();
  if (type == "string") return value.is_string();
  if (type == "array") return value.is_array();
  if (type == "object") return value.is_object();
  throw std::runtime_error("unknown type " + type);
}

Problem check(const json& value, const json& schema);

/// The problems of a value that is an object or array and its keyword's schemas.
Problem check_properties(const json& value, const json& properties) {
  for (const auto& [name, schema] : properties.items()) {
    if (!value.is_object() || !value.contains(name)) continue;
    if (const Problem problem = check(value[name], schema); !problem.empty()) return name + ": " + problem;
  }
  return {};
}

Problem check_additional(const json& value, const json& schema) {
  if (schema.at("additionalProperties") != false) throw std::runtime_error("additionalProperties other than false");
  if (!value.is_object()) return {};
  for (const auto& [name, held] : value.items()) {
    if (!schema.at("properties").contains(name)) return "unknown key " + name;
  }
  return {};
}

Problem check_required(const json& value, const json& names) {
  for (const json& name : names) {
    if (value.is_object() && !value.contains(name.get<std::string>())) return "required key " + name.get<std::string>() + " is missing";
  }
  return {};
}

Problem check_items(const json& value, const json& schema) {
  for (const json& item : value.is_array() ? value : json::array()) {
    if (const Problem problem = check(item, schema); !problem.empty()) return "item: " + problem;
  }
  return {};
}

/// How many of several schemas hold, and what keeps the others from it.
Problem check_count(const json& value, const json& schemas, size_t least, size_t most) {
  size_t count = 0;
  Problem problems;
  for (const json& schema : schemas) {
    const Problem problem = check(value, schema);
    count += problem.empty() ? 1 : 0;
    problems += (problems.empty() ? "" : " | ") + problem;
  }
  return count >= least && count <= most ? Problem() : std::to_string(count) + " branches hold: " + problems;
}

Problem unless(bool fine, const json& value, const std::string& rule) { return fine ? Problem() : value.dump() + " is against " + rule; }

using Check = std::function<Problem(const json& value, const json& rule, const json& schema)>;

Problem check_bound(const json& value, const json& rule, const std::string& name, const std::function<bool(double, double)>& holds) {
  return unless(!value.is_number() || holds(value.get<double>(), rule.get<double>()), value, name + " " + rule.dump());
}

const std::map<std::string, Check>& checks() {
  static const Check annotation = [](const json&, const json&, const json&) { return Problem(); };
  static const std::map<std::string, Check> all = {
      {"$schema", annotation}, {"title", annotation}, {"description", annotation}, {"default", annotation}, {"then", annotation},
      {"type", [](const json& v, const json& rule, const json&) {
         const json types = rule.is_array() ? rule : json::array({rule});
         return unless(std::any_of(types.begin(), types.end(), [&](const json& type) { return has_type(v, type); }), v, "type " + rule.dump());
       }},
      {"enum", [](const json& v, const json& rule, const json&) { return unless(std::find(rule.begin(), rule.end(), v) != rule.end(), v, "enum " + rule.dump()); }},
      {"const", [](const json& v, const json& rule, const json&) { return unless(v == rule, v, "const " + rule.dump()); }},
      {"pattern", [](const json& v, const json& rule, const json&) {
         return unless(!v.is_string() || std::regex_search(v.get<std::string>(), std::regex(rule.get<std::string>())), v, "pattern " + rule.dump());
       }},
      {"minimum", [](const json& v, const json& rule, const json&) { return check_bound(v, rule, "minimum", std::greater_equal<>()); }},
      {"maximum", [](const json& v, const json& rule, const json&) { return check_bound(v, rule, "maximum", std::less_equal<>()); }},
      {"exclusiveMinimum", [](const json& v, const json& rule, const json&) { return check_bound(v, rule, "exclusiveMinimum", std::greater<>()); }},
      {"exclusiveMaximum", [](const json& v, const json& rule, const json&) { return check_bound(v, rule, "exclusiveMaximum", std::less<>()); }},
      {"properties", [](const json& v, const json& rule, const json&) { return check_properties(v, rule); }},
      {"additionalProperties", [](const json& v, const json&, const json& schema) { return check_additional(v, schema); }},
      {"required", [](const json& v, const json& rule, const json&) { return check_required(v, rule); }},
      {"items", [](const json& v, const json& rule, const json&) { return check_items(v, rule); }},
      {"oneOf", [](const json& v, const json& rule, const json&) { return check_count(v, rule, 1, 1); }},
      {"anyOf", [](const json& v, const json& rule, const json&) { return check_count(v, rule, 1, rule.size()); }},
      {"allOf", [](const json& v, const json& rule, const json&) { return check_count(v, rule, rule.size(), rule.size()); }},
      {"not", [](const json& v, const json& rule, const json&) { return unless(!check(v, rule).empty(), v, "not"); }},
      {"if", [](const json& v, const json& rule, const json& schema) { return check(v, rule).empty() ? check(v, schema.at("then")) : Problem(); }},
  };
  return all;
}

Problem check(const json& value, const json& schema) {
  for (const auto& [keyword, rule] : schema.items()) {
    const auto found = checks().find(keyword);
    if (found == checks().end()) throw std::runtime_error("unknown keyword " + keyword);
    if (const Problem problem = found->second(value, rule, schema); !problem.empty()) return problem;
  }
  return {};
}

}  // namespace

std::string schema_problem(const config::Node& document, const std::string& schema_text) { return check(json_of(document), json::parse(schema_text)); }

}  // namespace tessera
