// SPDX-License-Identifier: Apache-2.0
// "did you mean": the nearest known name to one that is unknown.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::config {

/// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment), in bytes.
size_t edit_distance(std::string_view left, std::string_view right);

/// The candidate with the smallest distance, the first of equals; empty when none is near enough to be meant.
std::string nearest_name(std::string_view name, std::span<const std::string> candidates);

/// The fix of an unknown-name error: "did you mean 'momentum'?", or all names when none is near.
std::string suggest(std::string_view name, std::span<const std::string> candidates);

/// Insertions, deletions and replacements that make a name one that the pattern matches: * stands for any characters, ? for one.
size_t pattern_distance(std::string_view pattern, std::string_view name);

/// The nearest of the candidates to what a pattern may mean, at most `limit`, nearest first; none where nothing is near.
std::vector<std::string> names_near_pattern(std::string_view pattern, std::span<const std::string> candidates, size_t limit);

/// "a, b, c".
std::string join_names(std::span<const std::string> names);

}  // namespace tessera::config
