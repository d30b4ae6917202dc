// SPDX-License-Identifier: Apache-2.0
// YAML text to Node and back. Of YAML 1.2 everything but tags, several documents in a file and keys that are no text.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "core/config/node.h"

namespace tessera::config {

/// Limits that no recipe comes near; beyond them a document is refused rather than allowed to exhaust a machine.
inline constexpr size_t kMaxDocumentBytes = 1 << 20;
inline constexpr size_t kMaxDocumentNodes = 20'000;
inline constexpr int kMaxDocumentDepth = 32;
inline constexpr size_t kMaxKeyBytes = 128;

/// Parses one document; an empty one is null. Nodes have the origin (source, line). With `one_line` every origin is
/// `source` alone: for values of the command line. Throws Error(usage) with source and line.
Node parse_yaml(std::string_view text, const std::string& source, bool one_line = false);

/// Parses a regular file. Throws Error(usage).
Node parse_yaml_file(const std::filesystem::path& path);

/// YAML text that parses back to an equal Node: maps in block style, lists and what they hold in flow style.
std::string emit_yaml(const Node& node);

/// A node on a single line in flow style, without a line end.
std::string emit_flow(const Node& node);

/// Text in double quotes with YAML's escapes.
std::string quote(std::string_view text);

}  // namespace tessera::config
