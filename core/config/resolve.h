// SPDX-License-Identifier: Apache-2.0
// From a document to a validated recipe with every default filled in.
#pragma once

#include <cstdint>
#include <vector>

#include "core/config/fields.h"
#include "core/config/kinds.h"
#include "core/config/node.h"
#include "core/config/recipe.h"

namespace tessera::config {

struct Resolved {
  Recipe recipe;
  Node document;              ///< every key, in the order of the tables; resolving it again gives the same
  std::vector<KeyInfo> keys;  ///< every key with its value and effect, those of the kinds included
};

/// Checks every block against the tables of recipe and registry, and the keys against each other. Nothing is allocated or
/// opened. Throws Error(usage) that names file, line, key and fix.
Resolved resolve(const Node& document, const KindRegistry& registry);

/// What can only be said once the number of ranks is known. Throws Error(usage).
void check_world(const Resolved& resolved, int64_t ranks);

}  // namespace tessera::config
