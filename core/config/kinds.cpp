// SPDX-License-Identifier: Apache-2.0
#include "core/config/kinds.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"

namespace tessera::config {

void KindBlock::declare(Fields& fields) {
  fields.add("kind", kind, {.doc = "which one; decides what other keys the block has", .required = kind.empty()});
}

void KindRegistry::share(std::string block, std::vector<std::string> kinds, std::vector<std::string> keys) {
  for (const std::string& kind : kinds) TESSERA_ASSERT(find(block, kind), "keys are shared with a kind that is not registered: " + block + " " + kind);
  shared_.push_back({std::move(block), std::move(kinds), std::move(keys)});
}

std::vector<std::string> KindRegistry::shared_keys(std::string_view block, std::string_view kind, std::string_view other) const {
  const auto has = [](const std::vector<std::string>& names, std::string_view name) { return std::ranges::find(names, name) != names.end(); };
  std::vector<std::string> keys;
  for (const Shared& shared : shared_) {
    if (shared.block == block && has(shared.kinds, kind) && has(shared.kinds, other)) keys.insert(keys.end(), shared.keys.begin(), shared.keys.end());
  }
  return keys;
}

const KindRegistry::Kind* KindRegistry::find(std::string_view block, std::string_view name) const {
  const auto found = std::ranges::find_if(kinds_, [&](const Kind& kind) { return kind.block == block && kind.name == name; });
  return found == kinds_.end() ? nullptr : &*found;
}

std::vector<const KindRegistry::Kind*> KindRegistry::list(std::string_view block) const {
  std::vector<const Kind*> kinds;
  for (const Kind& kind : kinds_) {
    if (kind.block == block) kinds.push_back(&kind);
  }
  return kinds;
}

std::vector<KeyInfo> KindRegistry::keys_of_kind(const Kind& kind) const {
  const auto config = kind.make();
  Fields fields;
  config->declare(fields);
  return keys_of(fields, kind.block);
}

void KindRegistry::add_kind(Kind kind) {
  TESSERA_ASSERT(!find(kind.block, kind.name), "a kind was registered twice: " + kind.block + " " + kind.name);
  kinds_.push_back(std::move(kind));
}

}  // namespace tessera::config
