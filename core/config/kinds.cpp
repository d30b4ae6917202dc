// SPDX-License-Identifier: Apache-2.0
#include "core/config/kinds.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"

namespace tessera::config {

void KindBlock::declare(Fields& fields) {
  fields.add("kind", kind, {.doc = "which one; decides what other keys the block has", .required = kind.empty()});
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
