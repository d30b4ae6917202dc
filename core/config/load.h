// SPDX-License-Identifier: Apache-2.0
// From a recipe's file to one document: inheritance and overrides, before anything is known about what the keys mean.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "core/config/kinds.h"
#include "core/config/node.h"

namespace tessera::config {

/// Reads a recipe, follows its `extends:` (a path relative to the file it stands in) to the end of the chain, and applies
/// overrides such as "batch.micro_samples=8" (the value is YAML; null takes a key back to its default). Maps are merged,
/// lists and scalars replaced. Where `kind` of a block changes, what it inherited for the other kind is dropped, but for keys that
/// both kinds share. All overrides count as one document, so that their order matters only for the same key. Throws Error(usage).
Node load_document(const std::filesystem::path& path, std::span<const std::string> overrides, const KindRegistry& registry);

/// As load_document for a document that is already there, for example out of a checkpoint; it must not extend another.
Node apply_overrides(const Node& document, std::span<const std::string> overrides, const KindRegistry& registry);

}  // namespace tessera::config
