// SPDX-License-Identifier: Apache-2.0
// One declared value: from a node into the struct, checked, and back. For fields.cpp.
#pragma once

#include <string>

#include "core/config/fields.h"
#include "core/config/node.h"

namespace tessera::config {

/// Throws Error(usage) that names file, line and `path`.
void read_value(const Node& node, Fields::Field& field, const std::string& path);

Node write_value(const Fields::Field& field);

/// "integer", "number or null", "list of texts".
std::string type_name(const Fields::Field& field);

}  // namespace tessera::config
