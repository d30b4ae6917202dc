// SPDX-License-Identifier: Apache-2.0
#include "core/config/load.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/config/recipe.h"
#include "core/config/yaml.h"

namespace tessera::config {
namespace {

constexpr std::string_view kExtends = "extends";
constexpr size_t kMaxOverrideLevels = 16;

Node merge(Node parent, const Node& child) {
  if (!parent.is_map() || !child.is_map()) return child;
  for (size_t i = 0; i < child.keys().size(); ++i) {
    const Node::Key& key = child.keys()[i];
    const Node* inherited = parent.find(key.name);
    parent.set(key, inherited ? merge(*inherited, child.children()[i]) : child.children()[i]);
  }
  return parent;
}

std::string kind_of(const Node& block, const KindBlockInfo& info) {
  const Node* kind = block.find("kind");
  return kind && kind->is_scalar() ? kind->text() : info.default_kind;
}

/// The keys of another kind would be unknown to the child's.
void drop_keys_of_other_kinds(Node& parent, const Node& child, const KindRegistry& registry) {
  for (const KindBlockInfo& info : kind_blocks()) {
    const Node* inherited = parent.find(info.name);
    const Node* block = child.find(info.name);
    if (!inherited || !block || !block->find("kind")) continue;
    const std::string old_kind = kind_of(*inherited, info), new_kind = kind_of(*block, info);
    if (old_kind.empty() || old_kind == new_kind) continue;
    std::vector<std::string> stay = registry.shared_keys(info.name, old_kind, new_kind);
    stay.insert(stay.end(), info.common_keys.begin(), info.common_keys.end());
    Node kept = *inherited;
    for (const Node::Key& key : inherited->keys()) {
      if (std::ranges::find(stay, key.name) == stay.end()) kept.erase(key.name);
    }
    parent.set({info.name, inherited->origin()}, std::move(kept));
  }
}

Node inherit(Node parent, const Node& child, const KindRegistry& registry) {
  drop_keys_of_other_kinds(parent, child, registry);
  return merge(std::move(parent), child);
}

/// The file that `extends` names, for messages and for opening.
std::filesystem::path parent_path_of(const std::filesystem::path& path, const Node& extends) {
  if (!extends.is_scalar()) {
    throw Error(ErrorKind::usage, "'extends' is " + describe(extends) + ", not a path", extends.origin().text(),
                "name one file; it may extend another");
  }
  const auto parent = (path.parent_path() / extends.text()).lexically_normal();
  std::error_code error;
  if (!std::filesystem::exists(parent, error)) {
    throw Error(ErrorKind::usage, "'extends' names " + printable(parent.string()) + ", which does not exist",
                extends.origin().text(), "give a path relative to this file");
  }
  return parent;
}

/// `visited` are the canonical paths of the files that led here.
Node load_chain(const std::filesystem::path& path, const KindRegistry& registry, std::vector<std::filesystem::path>& visited) {
  Node document = parse_yaml_file(path);
  if (!document.is_map()) {
    const char* what = document.is_null() ? "the recipe is empty" : "a recipe is a map of keys and values";
    throw Error(ErrorKind::usage, what, document.origin().text(), "start with 'schema: 1'");
  }
  visited.push_back(std::filesystem::canonical(path));
  const Node* extends = document.find(kExtends);
  if (!extends) return document;
  const auto parent = parent_path_of(path, *extends);
  if (std::ranges::find(visited, std::filesystem::canonical(parent)) != visited.end()) {
    throw Error(ErrorKind::usage, "'extends' goes round in a circle: " + printable(parent.string()) + " led here",
                extends->origin().text(), "remove one of the links");
  }
  document.erase(kExtends);
  return inherit(load_chain(parent, registry, visited), document, registry);
}

[[noreturn]] void refuse_override(const std::string& source, std::string_view what) {
  throw Error(ErrorKind::usage, what, Origin{source, 0}.text(), "write --set key=value, for example --set batch.micro_samples=8");
}

/// "a.b=c" as the document {a: {b: c}}.
Node parse_override(const std::string& text) {
  const std::string source = "--set " + text;
  const size_t equals = text.find('=');
  if (equals == std::string::npos) refuse_override(source, "there is no '='");
  std::vector<std::string> names(1);
  for (const char c : text.substr(0, equals)) {
    if (c == '.') {
      names.emplace_back();
    } else {
      names.back().push_back(c);
    }
  }
  if (std::ranges::any_of(names, &std::string::empty)) refuse_override(source, "a name before '=' is empty");
  if (names.size() > kMaxOverrideLevels) refuse_override(source, "the key has too many levels");
  if (names.front() == kExtends) refuse_override(source, "'extends' belongs in a file");
  const Origin origin{source, 0};
  Node node = parse_yaml(std::string_view(text).substr(equals + 1), source, true);
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    Node outer = Node::map(origin);
    outer.set({*name, origin}, std::move(node));
    node = std::move(outer);
  }
  return node;
}

}  // namespace

Node apply_overrides(const Node& document, std::span<const std::string> overrides, const KindRegistry& registry) {
  if (overrides.empty()) return document;
  Node all = Node::map({"--set", 0});
  for (const std::string& text : overrides) all = merge(std::move(all), parse_override(text));
  return inherit(document, all, registry);
}

Node load_document(const std::filesystem::path& path, std::span<const std::string> overrides, const KindRegistry& registry) {
  std::vector<std::filesystem::path> visited;
  return apply_overrides(load_chain(path, registry, visited), overrides, registry);
}

}  // namespace tessera::config
