// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tessera::data {

/// The texts that a pattern with braces stands for, in order: "a-{000..002}.tar" for a-000.tar, a-001.tar, a-002.tar (as many digits as written), and
/// "{x,y}" for x and y; several braces multiply, the last one running fastest. Throws Error(usage) naming `key` for braces without a partner, ranges
/// that go down, and more than a million texts.
std::vector<std::string> expand_braces(const std::string& pattern, const std::string& key);

/// The files below `root` that a pattern names: braces as above, then *, ? and [..] as a shell does, sorted by name within a text. Throws Error(data) where
/// a text names no file.
std::vector<std::filesystem::path> find_shards(const std::filesystem::path& root, const std::string& pattern, const std::string& key);

}  // namespace tessera::data
