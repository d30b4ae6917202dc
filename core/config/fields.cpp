// SPDX-License-Identifier: Apache-2.0
#include "core/config/fields.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "core/base/error.h"
#include "core/config/value.h"
#include "core/config/yaml.h"
#include "core/config/suggest.h"

namespace tessera::config {
namespace {

void refuse_unknown(const Node::Key& key, const Fields& fields, std::string_view path) {
  const std::vector<std::string> known = fields.names();
  throw Error(ErrorKind::usage, "unknown key " + printable(join_path(path, key.name)), key.origin.text(),
              suggest(key.name, known));
}

void read_block(const Node& node, Fields::Field& field, const std::string& path, Unknown unknown) {
  if (!node.is_map() && !node.is_null()) {
    throw Error(ErrorKind::usage, printable(path) + " is " + describe(node) + ", not a map", node.origin().text(),
                "write its keys below it, indented: " + join_names(field.block->names()));
  }
  field.origin = node.origin();
  read_fields(node, *field.block, path, unknown);
}

void read_blocks(const Node& node, Fields::Field& field, const std::string& path, Unknown unknown) {
  const std::vector<std::string> keys = field.blocks->item_keys().names();
  if (!node.is_list()) {
    throw Error(ErrorKind::usage, printable(path) + " is " + describe(node) + ", not a list", node.origin().text(),
                "write a list of maps with the keys " + join_names(keys));
  }
  field.origin = node.origin();
  field.blocks->reset(node.children().size());
  for (size_t i = 0; i < node.children().size(); ++i) {
    read_fields(node.children()[i], field.blocks->items()[i], path + "[" + std::to_string(i) + "]", unknown);
  }
}

Node write_field(const Fields::Field& field) {
  if (field.block) return write_fields(*field.block, field.origin);
  if (!field.blocks) return write_value(field);
  std::vector<Node> items;
  for (const Fields& item : std::as_const(*field.blocks).items()) items.push_back(write_fields(item, field.origin));
  return Node::list(std::move(items), field.origin);
}

void refuse_missing(const Fields::Field& field, const std::string& path, const Origin& origin) {
  throw Error(ErrorKind::usage, "required key " + printable(path) + " is missing", origin.text(),
              "add it" + (field.about.doc.empty() ? "" : ": " + field.about.doc));
}

}  // namespace

std::string_view name_of(Effect effect) {
  switch (effect) {
    case Effect::mathematics: return "mathematics";
    case Effect::extendable: return "extendable";
    case Effect::free: return "free";
  }
  return "";
}

Fields::Field* Fields::find(std::string_view name) {
  const auto found = std::ranges::find(entries_, name, &Field::name);
  return found == entries_.end() ? nullptr : &*found;
}

Fields& Fields::block(std::string_view name) {
  Field* field = find(name);
  TESSERA_ASSERT(field && field->block, "a block of keys was used before it was declared");
  return *field->block;
}

std::vector<std::string> Fields::names() const {
  std::vector<std::string> all;
  for (const Field& field : entries_) all.push_back(field.name);
  return all;
}

void Fields::add_value(std::string name, Target target, About about) {
  TESSERA_ASSERT(!find(name), "a key was declared twice: " + name);
  entries_.push_back({std::move(name), std::move(about), target});
  if (std::visit([](const auto* value) { return value != nullptr; }, target)) entries_.back().default_value = emit_flow(write_field(entries_.back()));
}

Fields& Fields::add_block(std::string name, About about) {
  add_value(std::move(name), Target(), std::move(about));
  entries_.back().block = std::make_unique<Fields>();
  return *entries_.back().block;
}

void Fields::add_blocks(std::string name, std::unique_ptr<BlockList> blocks, About about) {
  add_value(std::move(name), Target(), std::move(about));
  entries_.back().blocks = std::move(blocks);
  entries_.back().default_value = emit_flow(write_field(entries_.back()));
}

void read_fields(const Node& node, Fields& fields, std::string_view path, Unknown unknown) {
  if (!node.is_map() && !node.is_null()) {
    throw Error(ErrorKind::usage, (path.empty() ? "the document" : printable(path)) + " is " + describe(node) + ", not a map",
                node.origin().text(), "write keys and values: " + join_names(fields.names()));
  }
  for (const Node::Key& key : node.keys()) {
    if (unknown == Unknown::refuse && !fields.find(key.name)) refuse_unknown(key, fields, path);
  }
  for (Fields::Field& field : fields.entries()) {
    const std::string field_path = join_path(path, field.name);
    const Node* child = node.find(field.name);
    if (field.block) {
      read_block(child ? *child : Node::null(node.origin()), field, field_path, unknown);
    } else if (child && field.blocks) {
      read_blocks(*child, field, field_path, unknown);
    } else if (child) {
      field.origin = child->origin();
      read_value(*child, field, field_path);
    } else if (field.about.required) {
      refuse_missing(field, field_path, node.origin());
    }
  }
}

Node write_fields(const Fields& fields, const Origin& origin) {
  Node node = Node::map(origin);
  for (const Fields::Field& field : fields.entries()) {
    node.set({field.name, field.origin}, write_field(field));
  }
  return node;
}

std::vector<KeyInfo> keys_of(const Fields& fields, std::string_view path) {
  std::vector<KeyInfo> rows;
  for (const Fields::Field& field : fields.entries()) {
    const std::string field_path = join_path(path, field.name);
    if (field.block) {
      std::ranges::move(keys_of(*field.block, field_path), std::back_inserter(rows));
    } else {
      rows.push_back({field_path, field.blocks ? "list of blocks" : type_name(field), emit_flow(write_field(field)), field.about, field.default_value});
      if (field.blocks) rows.back().items = keys_of(field.blocks->item_keys(), field_path + "[]");
    }
  }
  return rows;
}

std::string join_path(std::string_view path, std::string_view key) {
  return path.empty() ? std::string(key) : std::string(path).append(".").append(key);
}

}  // namespace tessera::config
