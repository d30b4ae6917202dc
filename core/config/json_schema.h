// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "core/config/kinds.h"

namespace tessera::config {

/// The language of recipes as a JSON Schema (draft 2020-12), from the tables that the parser reads: for completion, hover documentation and checking in editors. A
/// recipe that extends another may leave out what is required, and the kinds of its blocks. Cross-checks between keys are not in it.
std::string json_schema(const KindRegistry& registry);

}  // namespace tessera::config
