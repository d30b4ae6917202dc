// SPDX-License-Identifier: Apache-2.0
#include "core/config/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>

#include "core/base/error.h"
#include "core/config/suggest.h"

namespace tessera::config {
namespace {

/// Where an item stands and what its key demands.
struct Place {
  const Node& node;
  const About& about;
  const std::string& path;

  [[noreturn]] void refuse(const std::string& problem, const std::string& fix) const {
    throw Error(ErrorKind::usage, printable(path) + " is " + describe(node) + ", " + problem, node.origin().text(), fix);
  }
};

template <typename Item>
struct ItemType;
template <>
struct ItemType<bool> {
  static constexpr const char* kName = "bool";
  static constexpr const char* kWrong = "not a bool";
  static constexpr const char* kFix = "write true or false";
  static std::optional<bool> parse(const std::string& text) { return parse_bool(text); }
  static std::string format(bool value) { return value ? "true" : "false"; }
};
template <>
struct ItemType<int64_t> {
  static constexpr const char* kName = "integer";
  static constexpr const char* kWrong = "not a 64-bit integer";
  static constexpr const char* kFix = "write a whole number";
  static std::optional<int64_t> parse(const std::string& text) { return parse_int64(text); }
  static std::string format(int64_t value) { return std::to_string(value); }
};
template <>
struct ItemType<double> {
  static constexpr const char* kName = "number";
  static constexpr const char* kWrong = "not a number that a 64-bit float holds";
  static constexpr const char* kFix = "write a number such as 0.1 or 5e-4";
  static std::optional<double> parse(const std::string& text) { return parse_double(text); }
  static std::string format(double value) { return format_double(value); }
};
template <>
struct ItemType<Bytes> {
  static constexpr const char* kName = "bytes";
  static constexpr const char* kWrong = "not a number of bytes";
  static constexpr const char* kFix = "write a size such as 25MiB, 1GiB or 4096";
  static std::optional<Bytes> parse(const std::string& text) { return parse_bytes(text); }
  static std::string format(Bytes value) { return format_bytes(value); }
};
template <>
struct ItemType<std::string> {
  static constexpr const char* kName = "text";
  static constexpr const char* kWrong = "not a text";
  static constexpr const char* kFix = "write one, in quotes if it is null or empty";
  static std::optional<std::string> parse(const std::string& text) { return text; }
};

std::string bounds_of(const About& about) {
  std::string text;
  const auto add = [&](const char* sign, const std::optional<double>& bound) {
    if (bound) text.append(text.empty() ? "" : " and ").append(sign).append(format_double(*bound));
  };
  add(">= ", about.minimum);
  add("> ", about.above);
  add("<= ", about.maximum);
  add("< ", about.below);
  return text;
}

void check_bounds(double value, const Place& place) {
  const About& about = place.about;
  const bool inside = !(about.minimum && value < *about.minimum) && !(about.above && value <= *about.above) &&
                      !(about.maximum && value > *about.maximum) && !(about.below && value >= *about.below);
  if (!inside) place.refuse("out of range", "give a value " + bounds_of(about));
}

void check(bool, const Place&) {}
void check(int64_t value, const Place& place) { check_bounds(static_cast<double>(value), place); }
void check(Bytes value, const Place& place) {
  if (value.bytes < 0) place.refuse("below zero", ItemType<Bytes>::kFix);
  check_bounds(static_cast<double>(value.bytes), place);
}
void check(double value, const Place& place) {
  if (std::isnan(value) || (std::isinf(value) && !place.about.allow_infinite)) {
    place.refuse("not finite", "give a finite number");
  }
  check_bounds(value, place);
}
void check(const std::string& value, const Place& place) {
  const auto& choices = place.about.choices;
  if (choices.empty() || std::ranges::find(choices, value) != choices.end()) return;
  const std::string nearest = nearest_name(value, choices);
  place.refuse("not one of: " + join_names(choices), nearest.empty() ? "choose one" : "did you mean '" + nearest + "'?");
}

template <typename Item>
Item read_item(const Place& place) {
  const Node& node = place.node;
  using Type = ItemType<Item>;
  if (!node.is_scalar()) place.refuse(Type::kWrong, Type::kFix);
  const bool number_in_quotes = node.quoted() && !std::is_same_v<Item, std::string> && !std::is_same_v<Item, Bytes>;
  const auto value = Type::parse(node.text());
  if (number_in_quotes) place.refuse(Type::kWrong, value ? "remove the quotes" : Type::kFix);
  if (!value) place.refuse(Type::kWrong, Type::kFix);
  check(*value, place);
  return *value;
}

template <typename Item>
void read_into(const Place& place, Item& value) {
  value = read_item<Item>(place);
}

template <typename Item>
void read_into(const Place& place, std::optional<Item>& value) {
  value.reset();
  if (!place.node.is_null()) value = read_item<Item>(place);
}

template <typename Item>
void read_into(const Place& place, std::vector<Item>& items) {
  if (!place.node.is_list()) {
    place.refuse("not a list", std::is_same_v<Item, std::string> ? "write a list such as [a, b]" : "write a list such as [1, 2]");
  }
  items.clear();
  for (const Node& item : place.node.children()) {
    items.push_back(read_item<Item>({item, place.about, place.path + "[" + std::to_string(items.size()) + "]"}));
  }
}

template <typename Item>
Node write_from(const Item& value, const Origin& origin) {
  if constexpr (std::is_same_v<Item, std::string>) {
    return Node::text_scalar(value, origin);
  } else {
    return Node::scalar(ItemType<Item>::format(value), false, origin);
  }
}

template <typename Item>
Node write_from(const std::optional<Item>& value, const Origin& origin) {
  return value ? write_from(*value, origin) : Node::null(origin);
}

template <typename Item>
Node write_from(const std::vector<Item>& values, const Origin& origin) {
  std::vector<Node> items;
  for (const Item& value : values) items.push_back(write_from(value, origin));
  return Node::list(std::move(items), origin);
}

template <typename Item>
std::string name_of_type(const Item*) {
  return ItemType<Item>::kName;
}
template <typename Item>
std::string name_of_type(const std::optional<Item>*) {
  return std::string(ItemType<Item>::kName) + " or null";
}
template <typename Item>
std::string name_of_type(const std::vector<Item>*) {
  return fmt::format("list of {}s", ItemType<Item>::kName);
}

}  // namespace

void read_value(const Node& node, Fields::Field& field, const std::string& path) {
  std::visit([&](auto* value) { read_into(Place{node, field.about, path}, *value); }, field.target);
}

Node write_value(const Fields::Field& field) {
  return std::visit([&](const auto* value) { return write_from(*value, field.origin); }, field.target);
}

std::string type_name(const Fields::Field& field) {
  return std::visit([](const auto* value) { return name_of_type(value); }, field.target);
}

}  // namespace tessera::config
