// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/data/dataset.h"

namespace tessera::data {

/// What the splits are read from, files or patterns; empty: there is no such split.
struct SplitSources {
  const std::string &train, &validation, &test;
};

/// That of `split`. Throws Error(usage) for a split that is not given, and, saying `nothing` and `fix`, where none is.
inline const std::string& source_of(std::string_view split, const SplitSources& sources, const char* nothing, const char* fix) {
  std::vector<std::string> known;
  const std::string* chosen = nullptr;
  const std::pair<const char*, const std::string*> given[] = {{"train", &sources.train}, {"validation", &sources.validation}, {"test", &sources.test}};
  for (const auto& [name, source] : given) {
    if (source->empty()) continue;
    known.emplace_back(name);
    if (name == split) chosen = source;
  }
  if (known.empty()) throw Error(ErrorKind::usage, nothing, "data", fix);
  check_split(split, known);
  return *chosen;
}

}  // namespace tessera::data
