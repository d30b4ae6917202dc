// SPDX-License-Identifier: Apache-2.0
#include "core/config/suggest.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace tessera::config {

size_t edit_distance(std::string_view left, std::string_view right) {
  std::vector<size_t> before_last(right.size() + 1), last(right.size() + 1), current(right.size() + 1);
  for (size_t j = 0; j <= right.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= left.size(); ++i) {
    current[0] = i;
    for (size_t j = 1; j <= right.size(); ++j) {
      const size_t replaced = last[j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1);
      current[j] = std::min({replaced, last[j] + 1, current[j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
      if (swapped) current[j] = std::min(current[j], before_last[j - 2] + 1);
    }
    std::swap(before_last, last);
    std::swap(last, current);
  }
  return last[right.size()];
}

std::string nearest_name(std::string_view name, std::span<const std::string> candidates) {
  const std::string* best = nullptr;
  size_t best_distance = std::max<size_t>(2, name.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const size_t distance = edit_distance(name, candidate);
    // A short name with every letter replaced is no misspelling.
    if (distance < best_distance && distance < std::max(name.size(), candidate.size())) {
      best = &candidate;
      best_distance = distance;
    }
  }
  return best ? *best : std::string();
}

std::string suggest(std::string_view name, std::span<const std::string> candidates) {
  if (const std::string nearest = nearest_name(name, candidates); !nearest.empty()) {
    return "did you mean '" + nearest + "'?";
  }
  return candidates.empty() ? "remove it: nothing is known here" : "known here: " + join_names(candidates);
}

std::string join_names(std::span<const std::string> names) {
  std::string line;
  for (const std::string& name : names) line.append(line.empty() ? "" : ", ").append(name);
  return line;
}

}  // namespace tessera::config
