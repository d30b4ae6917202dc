// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "core/config/json_schema.h"
#include "core/config/reference.h"
#include "launcher/commands/commands.h"
#include "recipes/registry.h"

namespace tessera::launcher {

int print_schema(bool markdown) {
  const config::KindRegistry registry = recipes::make_registry();
  fmt::print("{}", markdown ? config::reference_page(registry) : config::json_schema(registry));
  return kExitDone;
}

}  // namespace tessera::launcher
