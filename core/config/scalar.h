// SPDX-License-Identifier: Apache-2.0
// The scalars of a recipe: text to value and back. Nothing is rounded or cut off in silence.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tessera::config {

/// A number of bytes, written as 25MiB, 1GiB, 64KiB, 100MB (decimal) or a plain integer.
struct Bytes {
  int64_t bytes = 0;
  friend bool operator==(Bytes, Bytes) = default;
};

/// Decimal integers; also 1e3 or 64.0 where they are exact and below 2^53 in magnitude.
std::optional<int64_t> parse_int64(std::string_view text);
/// Decimal numbers, and the YAML spellings .inf, -.inf and .nan. No value for what a double cannot hold, such as 1e999.
std::optional<double> parse_double(std::string_view text);
/// true or false, also capitalised. Not yes, no, on, off.
std::optional<bool> parse_bool(std::string_view text);
std::optional<Bytes> parse_bytes(std::string_view text);

/// The shortest text that reads back as the same value.
std::string format_double(double value);
/// In the largest binary unit that divides it: 25MiB.
std::string format_bytes(Bytes value);

/// Whether YAML takes this plain text for null, a bool or a number rather than for text.
bool is_special_plain(std::string_view text);

}  // namespace tessera::config
