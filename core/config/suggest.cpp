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

size_t pattern_distance(std::string_view pattern, std::string_view name) {
  std::vector<size_t> last(name.size() + 1), current(name.size() + 1);
  for (size_t j = 0; j <= name.size(); ++j) last[j] = j;
  for (const char c : pattern) {
    const size_t own = c == '*' ? 0 : 1;  // of a character that nothing stands for
    current[0] = last[0] + own;
    for (size_t j = 1; j <= name.size(); ++j) {
      const bool same = c == '?' || c == name[j - 1];
      const size_t stretched = current[j - 1] + own;
      current[j] = std::min({last[j - 1] + (same || c == '*' ? 0 : 1), last[j] + own, stretched});
    }
    std::swap(last, current);
  }
  return last[name.size()];
}

std::vector<std::string> names_near_pattern(std::string_view pattern, std::span<const std::string> candidates, size_t limit) {
  const auto letters = static_cast<size_t>(std::ranges::count_if(pattern, [](char c) { return c != '*' && c != '?'; }));
  std::vector<std::pair<size_t, std::string>> near;
  for (const std::string& candidate : candidates) {
    const size_t distance = pattern_distance(pattern, candidate);
    if (distance <= std::max<size_t>(2, letters / 3) && distance < letters) near.emplace_back(distance, candidate);
  }
  std::ranges::stable_sort(near, {}, &std::pair<size_t, std::string>::first);
  std::vector<std::string> names;
  for (size_t i = 0; i < std::min(limit, near.size()); ++i) names.push_back(near[i].second);
  return names;
}

std::string join_names(std::span<const std::string> names) {
  std::string line;
  for (const std::string& name : names) line.append(line.empty() ? "" : ", ").append(name);
  return line;
}

}  // namespace tessera::config
