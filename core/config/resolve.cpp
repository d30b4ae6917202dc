// SPDX-License-Identifier: Apache-2.0
#include "core/config/resolve.h"

#include <memory>
#include <utility>

#include "core/base/error.h"
#include "core/config/checks.h"
#include "core/config/suggest.h"

namespace tessera::config {
namespace {

using ConfigPointer = std::unique_ptr<KindRegistry::Config>;

[[noreturn]] void refuse_kind(const Node& kind, const std::string& block, const KindRegistry& registry) {
  std::vector<std::string> names;
  for (const KindRegistry::Kind* known : registry.list(block)) names.push_back(known->name);
  const std::string nearest = nearest_name(kind.text(), names);
  const std::string there_is = names.empty() ? "this program has none" : "there is: " + join_names(names);
  throw Error(ErrorKind::usage, "unknown kind " + printable(join_path(block, "kind") + ": " + kind.text()), kind.origin().text(),
              (nearest.empty() ? "" : "did you mean '" + nearest + "'? ") + there_is);
}

/// Adds the keys of the kind that the document chooses to the block's common ones. A kind that is missing or no text is
/// left to read_fields(), which then says so.
ConfigPointer declare_kind(const Node& document, const KindBlockInfo& info, const KindRegistry& registry, Fields& fields) {
  const Node* block = document.find(info.name);
  const Node* given = block ? block->find("kind") : nullptr;
  if (given ? !given->is_scalar() : info.default_kind.empty()) return nullptr;
  const Node kind = given ? *given : Node::scalar(info.default_kind, false, {"default", 0});
  const KindRegistry::Kind* known = registry.find(info.name, kind.text());
  if (!known) refuse_kind(kind, info.name, registry);
  ConfigPointer config = known->make();
  config->declare(fields.block(info.name));
  return config;
}

void require_schema(const Node& document) {
  const Node* schema = document.find("schema");
  if (schema && schema->is_scalar() && parse_int64(schema->text()) != 1) {
    throw Error(ErrorKind::usage, "'schema' is " + describe(*schema) + ", and this program knows schema 1 only",
                schema->origin().text(), "write 'schema: 1', or use the version of Tessera the recipe was written for");
  }
}

/// A missing or mistyped kind must be reported before the keys that only a kind would explain.
void require_kind(const Node& document, const KindBlockInfo& info) {
  const Node* block = document.find(info.name);
  if (!block || !block->is_map()) return;
  KindBlock common(info.default_kind);
  read(*block, common, info.name, Unknown::ignore);
}

/// Rules that turn out wrong only later say where they were written.
template <typename Rule>
void fill_origins(const Resolved& resolved, const char* path, const char* key, std::vector<Rule>& rules) {
  const Node* list = resolved.document.find_path(path);
  for (size_t i = 0; i < rules.size(); ++i) rules[i].origin = list->children()[i].find(key)->origin();
}

void fill_blocks(Resolved& resolved) {
  Recipe& recipe = resolved.recipe;
  const auto fill = [&](KindBlock& block, const char* name) { block.node = *resolved.document.find(name); };
  fill(recipe.model, "model");
  fill(recipe.task, "task");
  fill(recipe.data, "data");
  fill(recipe.optimizer, "optimizer");
  fill(recipe.schedule, "schedule");
  fill_origins(resolved, "init.rename", "pattern", recipe.init.rename);
  recipe.init.skip_origin = resolved.document.find_path("init.skip")->origin();
  fill_origins(resolved, "optimizer.groups", "match", recipe.optimizer.groups);
}

}  // namespace

Resolved resolve(const Node& document, const KindRegistry& registry) {
  require_schema(document);
  Resolved resolved;
  Fields fields;
  resolved.recipe.declare(fields);
  std::vector<ConfigPointer> configs;
  for (const KindBlockInfo& info : kind_blocks()) {
    require_kind(document, info);
    configs.push_back(declare_kind(document, info, registry, fields));
  }
  read_fields(document, fields, {});
  if (resolved.recipe.run.out.empty()) resolved.recipe.run.out = "runs/" + resolved.recipe.run.name;
  resolved.document = write_fields(fields, document.origin());
  resolved.keys = keys_of(fields);
  fill_blocks(resolved);
  check_recipe(resolved);
  return resolved;
}

}  // namespace tessera::config
