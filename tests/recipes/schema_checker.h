// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "core/config/node.h"

namespace tessera {

/// What is wrong with a YAML document by a JSON Schema, the first problem with its path; empty where nothing is. Knows the keywords that our schema uses, by their
/// definition in draft 2020-12, and throws std::runtime_error for any other: nothing is passed over.
std::string schema_problem(const config::Node& document, const std::string& schema_text);

}  // namespace tessera
