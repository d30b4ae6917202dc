// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tessera {

/// A to Z become a to z; other bytes stay as they are, in every locale.
std::string lower_case(std::string_view text);

/// The number that `text` writes in decimal digits alone; nothing for other text and for numbers of 2^64 or more.
std::optional<uint64_t> parse_digits(std::string_view text);

}  // namespace tessera
