// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "core/config/kinds.h"

namespace tessera::config {

/// The reference page of recipes (docs/recipes.md) in Markdown: every key with type, default, meaning, unit, and what a change means on resume, from the tables that
/// the parser reads.
std::string reference_page(const KindRegistry& registry);

}  // namespace tessera::config
