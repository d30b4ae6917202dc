// SPDX-License-Identifier: Apache-2.0
// Names in somebody else's weights file to the names of a model here (init.rename).
#pragma once

#include <memory>
#include <span>
#include <string>

#include "core/config/recipe.h"

namespace tessera::config {

/// Longer names are refused: the matcher needs stack for every character.
inline constexpr size_t kMaxRenamedBytes = 1024;

/// Rules one after the other, each a search and replace of every match in what the rules before left: {pattern: "^module\\.", replacement: ""}
/// takes a prefix off, {pattern: "layers\\.(\\d+)", replacement: "block$1"} keeps what a group matched. Patterns are ECMAScript's.
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
  std::unique_ptr<Rule[]> rules_;
  size_t count_;
};

}  // namespace tessera::config
