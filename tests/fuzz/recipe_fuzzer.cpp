// SPDX-License-Identifier: Apache-2.0
// Any text as a recipe: it must be refused with a usage error of one line, or survive emitting and reading back.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/config/hash.h"
#include "tests/core/config/support.h"

namespace {

using namespace tessera;
using namespace tessera::config;

void require(bool condition, const char* what, const std::string& detail) {
  if (condition) return;
  std::fprintf(stderr, "%s: %s\n", what, detail.c_str());
  std::abort();
}

/// Null after a refusal that is as it should be.
template <typename Action>
void accept_refusals(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    const std::string message = error.what();
    require(error.kind() == ErrorKind::usage && message.find('\n') == std::string::npos, "a refusal of the wrong form", message);
  }
}

void check_round_trip(const Node& node) {
  const std::string emitted = emit_yaml(node);
  const Node again = parse_yaml(emitted, "emitted");
  require(again == node, "emitted text reads back as another document", emitted);
}

void check_resolved(const Resolved& resolved, const KindRegistry& registry) {
  const Resolved again = resolve(parse_yaml(emit_yaml(resolved.document), "resolved"), registry);
  require(again.document == resolved.document, "resolving twice changes a recipe", emit_yaml(resolved.document));
  require(recipe_hash(again) == recipe_hash(resolved), "resolving twice changes a hash", emit_yaml(resolved.document));
  require(compare(resolved, again).empty(), "resolving twice changes a key", emit_yaml(resolved.document));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const KindRegistry registry = small_registry();
  Node node;
  bool parsed = false;
  accept_refusals([&] {
    node = parse_yaml({reinterpret_cast<const char*>(data), size}, "fuzz.yaml");
    parsed = true;
  });
  if (!parsed) return 0;
  // Escapes and aliases can make a document that is larger as text than as written; only then may emitted text be refused.
  if (size < kMaxDocumentBytes / 32) check_round_trip(node);
  Resolved resolved;
  bool valid = false;
  accept_refusals([&] {
    resolved = resolve(node, registry);
    valid = true;
  });
  if (valid) check_resolved(resolved, registry);
  return 0;
}
