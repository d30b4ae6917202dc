// SPDX-License-Identifier: Apache-2.0
#include "core/config/hash.h"

#include <algorithm>
#include <map>
#include <utility>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/config/yaml.h"

namespace tessera::config {
namespace {

constexpr const char* kAbsent = "absent";

/// Recipes of before the key keep their hash.
bool is_hashed(const KeyInfo& key) {
  return key.about.effect == Effect::mathematics && !(key.about.late && key.value == key.default_value);
}

/// Of a block in a list: a key that came after recipes with such blocks, and is left at its default.
bool is_left_out(std::span<const KeyInfo> items, const std::string& name, const Node& value) {
  const auto item = std::ranges::find_if(items, [&](const KeyInfo& key) { return key.path.ends_with("." + name); });
  return item != items.end() && item->about.late && emit_flow(value) == item->default_value;
}

/// Values with scalars always in quotes, so that the hash does not hang on when emit_yaml() finds quotes needful. `items`: the keys of a list's blocks.
std::string canonical(const Node& node, std::span<const KeyInfo> items) {
  if (node.is_null()) return "null";
  if (node.is_scalar()) return quote(node.text());
  std::string text = node.is_map() ? "{" : "[";
  for (size_t i = 0; i < node.children().size(); ++i) {
    if (node.is_map() && is_left_out(items, node.keys()[i].name, node.children()[i])) continue;
    if (node.is_map()) text.append(node.keys()[i].name).append("=");
    text.append(canonical(node.children()[i], items)).append(",");
  }
  return text.append(node.is_map() ? "}" : "]");
}

struct Entry {
  const KeyInfo* key = nullptr;
  const Node* node = nullptr;
};

std::map<std::string, Entry> by_path(const Resolved& resolved) {
  std::map<std::string, Entry> entries;
  for (const KeyInfo& key : resolved.keys) entries[key.path] = {&key, resolved.document.find_path(key.path)};
  return entries;
}

Change change_of(const std::string& path, const Entry& old_entry, const Entry& new_entry) {
  const Entry& present = new_entry.key ? new_entry : old_entry;
  return {path, present.key->about.effect, old_entry.key ? old_entry.key->value : kAbsent,
          new_entry.key ? new_entry.key->value : kAbsent, present.node->origin()};
}

}  // namespace

std::string recipe_hash(const Resolved& resolved) {
  std::string text;
  for (const auto& [path, entry] : by_path(resolved)) {
    if (is_hashed(*entry.key)) text.append(path).append("=").append(canonical(*entry.node, entry.key->items)).append("\n");
  }
  return sha256_hex(text);
}

std::vector<Change> compare(const Resolved& old_recipe, const Resolved& new_recipe) {
  const auto old_entries = by_path(old_recipe), new_entries = by_path(new_recipe);
  std::map<std::string, Change> changes;
  for (const auto& [path, entry] : old_entries) {
    const auto found = new_entries.find(path);
    const Entry other = found == new_entries.end() ? Entry{} : found->second;
    if (!other.node || !(*entry.node == *other.node)) changes[path] = change_of(path, entry, other);
  }
  for (const auto& [path, entry] : new_entries) {
    if (!old_entries.contains(path)) changes[path] = change_of(path, {}, entry);
  }
  std::vector<Change> ordered;
  for (auto& [path, change] : changes) ordered.push_back(std::move(change));
  return ordered;
}

void require_same_mathematics(std::span<const Change> changes, bool force) {
  std::string names;
  const Change* first = nullptr;
  for (const Change& change : changes) {
    if (force || change.effect != Effect::mathematics) continue;
    if (!first) first = &change;
    names.append(names.empty() ? "" : ", ").append(change.path + " (" + change.old_value + " before, " + change.new_value + " now)");
  }
  if (!first) return;
  throw Error(ErrorKind::usage, "the checkpoint was made with other mathematics: " + names, first->origin.text(),
              "put the old values back, start a new run folder, or pass --force");
}

}  // namespace tessera::config
