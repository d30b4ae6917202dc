// SPDX-License-Identifier: Apache-2.0
// Whether two recipes describe the same mathematics.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/config/fields.h"
#include "core/config/resolve.h"

namespace tessera::config {

/// SHA-256 (64 hexadecimal digits) of all keys whose effect is mathematics, with their values in a canonical spelling: not
/// of their order, comments, inheritance, keys that are free or extendable, or late ones at their defaults.
std::string recipe_hash(const Resolved& resolved);

/// A key whose value differs, or that only one of two recipes has.
struct Change {
  std::string path;
  Effect effect = Effect::mathematics;
  std::string old_value;  ///< in YAML's flow style; "absent" where the recipe has no such key
  std::string new_value;
  Origin origin;  ///< in the new recipe, or in the old one for a key that is gone
};

/// Ordered by path. Resolve a recipe out of a checkpoint with the present registry first, so that keys which are newer than
/// the checkpoint stand in both at their defaults.
std::vector<Change> compare(const Resolved& old_recipe, const Resolved& new_recipe);

/// Throws Error(usage) that names every change of the mathematics; `force` accepts them.
void require_same_mathematics(std::span<const Change> changes, bool force);

}  // namespace tessera::config
