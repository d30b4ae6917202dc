// SPDX-License-Identifier: Apache-2.0
#include "core/config/scalar.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

namespace tessera::config {
namespace {

constexpr std::array<std::pair<std::string_view, int64_t>, 9> kByteUnits{{{"TiB", int64_t{1} << 40},
                                                                          {"GiB", int64_t{1} << 30},
                                                                          {"MiB", int64_t{1} << 20},
                                                                          {"KiB", int64_t{1} << 10},
                                                                          {"TB", 1'000'000'000'000},
                                                                          {"GB", 1'000'000'000},
                                                                          {"MB", 1'000'000},
                                                                          {"kB", 1'000},
                                                                          {"B", 1}}};
constexpr size_t kBinaryUnits = 4;
/// Below it every integer is a double and every double with that value is that integer.
constexpr double kExactLimit = 9007199254740992.0;

/// from_chars takes no leading plus; "+-1" stays wrong.
std::string_view without_plus(std::string_view text) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-' && text[1] != '+') text.remove_prefix(1);
  return text;
}

std::optional<double> parse_finite(std::string_view text) {
  text = without_plus(text);
  if (text.find_first_not_of("+-.0123456789eE") != std::string_view::npos) return std::nullopt;
  double value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<int64_t> exact_integer(double value) {
  if (std::abs(value) >= kExactLimit || std::trunc(value) != value) return std::nullopt;
  return static_cast<int64_t>(value);
}

}  // namespace

std::optional<int64_t> parse_int64(std::string_view text) {
  const std::string_view digits = without_plus(text);
  int64_t value = 0;
  const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (status == std::errc{} && end == digits.data() + digits.size()) return value;
  const auto number = parse_finite(text);
  return number ? exact_integer(*number) : std::nullopt;
}

std::optional<double> parse_double(std::string_view text) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const bool negative = text.starts_with('-');
  const std::string_view unsigned_text = negative || text.starts_with('+') ? text.substr(1) : text;
  if (unsigned_text == ".inf" || unsigned_text == ".Inf" || unsigned_text == ".INF") return negative ? -kInfinity : kInfinity;
  if (text == ".nan" || text == ".NaN" || text == ".NAN") return std::numeric_limits<double>::quiet_NaN();
  return parse_finite(text);
}

std::optional<bool> parse_bool(std::string_view text) {
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  return std::nullopt;
}

std::optional<Bytes> parse_bytes(std::string_view text) {
  for (const auto& [unit, factor] : kByteUnits) {
    if (!text.ends_with(unit)) continue;
    std::string_view number_text = text.substr(0, text.size() - unit.size());
    while (number_text.ends_with(' ')) number_text.remove_suffix(1);
    const auto number = parse_finite(number_text);
    if (!number) return std::nullopt;
    const auto bytes = exact_integer(*number * static_cast<double>(factor));
    return bytes ? std::optional(Bytes{*bytes}) : std::nullopt;
  }
  const auto bytes = parse_int64(text);
  return bytes ? std::optional(Bytes{*bytes}) : std::nullopt;
}

std::string format_double(double value) {
  if (std::isnan(value)) return ".nan";
  if (std::isinf(value)) return value > 0 ? ".inf" : "-.inf";
  std::array<char, 32> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return std::string(buffer.data(), result.ptr);
}

std::string format_bytes(Bytes value) {
  for (size_t i = 0; i < kBinaryUnits; ++i) {
    const auto [unit, factor] = kByteUnits[i];
    if (value.bytes != 0 && value.bytes % factor == 0) return std::to_string(value.bytes / factor).append(unit);
  }
  return std::to_string(value.bytes);
}

bool is_special_plain(std::string_view text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return true;
  return parse_bool(text) || parse_double(text) || parse_int64(text);
}

}  // namespace tessera::config
