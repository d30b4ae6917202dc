// SPDX-License-Identifier: Apache-2.0
// Names in somebody else's weights file to the names of a model here (init.rename), and which of them count (init.skip). Patterns are Perl's (PCRE2).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/config/recipe.h"

namespace tessera::config {

/// Longer names, patterns and replacements are refused: a rule that makes names grow would have no end.
inline constexpr size_t kMaxRenamedBytes = 1024;

/// Rules one after the other, each a search and replace of every match in what the rules before left: {pattern: "^module\\.", replacement: ""}
/// takes a prefix off, {pattern: "layers\\.(\\d+)", replacement: "block$1"} keeps what a group matched.
class Renamer {
 public:
  /// Throws Error(usage) for a pattern that is no regular expression.
  explicit Renamer(std::span<const RenameRule> rules);
  ~Renamer();
  Renamer(const Renamer&) = delete;
  Renamer& operator=(const Renamer&) = delete;

  /// Throws Error(usage) for a name longer than kMaxRenamedBytes, before or after a rule, and for a pattern that gives up on it.
  std::string operator()(const std::string& name) const;

 private:
  struct Rule;
  std::vector<Rule> rules_;
};

/// Patterns that are searched for in names.
class NamePatterns {
 public:
  /// `key` is how messages call the list, `origin` where it was written. Throws Error(usage) for a pattern that is no regular expression.
  NamePatterns(std::span<const std::string> patterns, const std::string& key, const Origin& origin);
  ~NamePatterns();
  NamePatterns(const NamePatterns&) = delete;
  NamePatterns& operator=(const NamePatterns&) = delete;

  /// Whether pattern `i` is found in `name`. Throws Error(usage) for a name longer than kMaxRenamedBytes and for a pattern that gives up on it.
  bool match(size_t i, const std::string& name) const;
  bool match_any(const std::string& name) const;

 private:
  struct Pattern;
  std::vector<Pattern> patterns_;
};

}  // namespace tessera::config
