// SPDX-License-Identifier: Apache-2.0
#include "core/data/shard_pattern.h"

#include <fmt/format.h>
#include <glob.h>

#include <memory>

#include "core/base/error.h"
#include "core/base/text.h"

namespace tessera::data {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxShards = 1'000'000;

/// What stands between two braces.
std::vector<std::string> alternatives(const std::string& inside, const std::string& key) {
  std::vector<std::string> texts;
  const size_t dots = inside.find("..");
  if (dots == std::string::npos) {
    for (size_t begin = 0; begin <= inside.size();) {
      const size_t comma = std::min(inside.find(',', begin), inside.size());
      texts.push_back(inside.substr(begin, comma - begin));
      begin = comma + 1;
    }
    return texts;
  }
  const auto first = parse_digits(std::string_view(inside).substr(0, dots)), last = parse_digits(std::string_view(inside).substr(dots + 2));
  if (!first || !last || *first > *last || *last - *first >= kMaxShards) {
    throw Error(ErrorKind::usage, fmt::format("'{{{}}}' is no range of numbers", inside), key, "write {000..012}, the smaller number first");
  }
  for (uint64_t number = *first; number <= *last; ++number) texts.push_back(fmt::format("{:0{}}", number, dots));
  return texts;
}

bool has_wildcards(const std::string& text) { return text.find_first_of("*?[") != std::string::npos; }

std::vector<fs::path> matches_of(const std::string& text) {
  glob_t found{};
  const int status = ::glob(text.c_str(), 0, nullptr, &found);
  const std::unique_ptr<glob_t, void (*)(glob_t*)> owner(&found, ::globfree);
  if (status != 0) return {};
  return {found.gl_pathv, found.gl_pathv + found.gl_pathc};
}

}  // namespace

std::vector<std::string> expand_braces(const std::string& pattern, const std::string& key) {
  const size_t open = pattern.find('{'), close = pattern.find('}', open == std::string::npos ? 0 : open);
  if (open == std::string::npos && close == std::string::npos) return {pattern};
  if (open == std::string::npos || close == std::string::npos || pattern.find('}') < open) {
    throw Error(ErrorKind::usage, fmt::format("'{}' has a brace without a partner", pattern), key, "write NAME-{000..012}.tar or {a,b}");
  }
  const std::vector<std::string> rests = expand_braces(pattern.substr(close + 1), key);
  const std::vector<std::string> here = alternatives(pattern.substr(open + 1, close - open - 1), key);
  if (here.size() * rests.size() > kMaxShards) throw Error(ErrorKind::usage, fmt::format("'{}' names more than {} shards", pattern, kMaxShards), key, "name fewer");
  std::vector<std::string> texts;
  for (const std::string& alternative : here) {
    for (const std::string& rest : rests) texts.push_back(pattern.substr(0, open) + alternative + rest);
  }
  return texts;
}

std::vector<fs::path> find_shards(const fs::path& root, const std::string& pattern, const std::string& key) {
  std::vector<fs::path> shards;
  for (const std::string& text : expand_braces(pattern, key)) {
    const fs::path path = root / text;
    std::error_code ignored;
    std::vector<fs::path> found;
    if (!has_wildcards(text)) {
      if (fs::exists(path, ignored)) found = {path};
    } else {
      found = matches_of(path.string());
    }
    if (found.empty()) throw Error(ErrorKind::data, "there is no such shard", path.string(), fmt::format("put it there, or change {} or data.root", key));
    shards.insert(shards.end(), found.begin(), found.end());
  }
  return shards;
}

}  // namespace tessera::data
