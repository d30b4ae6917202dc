// SPDX-License-Identifier: Apache-2.0
#include "core/config/node.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/config/scalar.h"

namespace tessera::config {

std::string Origin::text() const {
  return line > 0 ? escape(source).append(":").append(std::to_string(line)) : escape(source);
}

Node Node::null(Origin origin) {
  Node node;
  node.origin_ = std::move(origin);
  return node;
}

Node Node::scalar(std::string text, bool quoted, Origin origin) {
  Node node = null(std::move(origin));
  node.kind_ = NodeKind::scalar;
  node.text_ = std::move(text);
  node.quoted_ = quoted;
  return node;
}

Node Node::text_scalar(std::string text, Origin origin) {
  const bool quoted = is_special_plain(text);
  return scalar(std::move(text), quoted, std::move(origin));
}

Node Node::list(std::vector<Node> items, Origin origin) {
  Node node = null(std::move(origin));
  node.kind_ = NodeKind::list;
  node.children_ = std::move(items);
  return node;
}

Node Node::map(Origin origin) {
  Node node = null(std::move(origin));
  node.kind_ = NodeKind::map;
  return node;
}

const Node* Node::find(std::string_view key) const {
  const auto found = std::ranges::find(keys_, key, &Key::name);
  return found == keys_.end() ? nullptr : &children_[static_cast<size_t>(found - keys_.begin())];
}

const Node* Node::find_path(std::string_view path) const {
  const Node* node = this;
  while (node) {
    const size_t dot = path.find('.');
    node = node->find(path.substr(0, dot));
    if (dot == std::string_view::npos) return node;
    path.remove_prefix(dot + 1);
  }
  return nullptr;
}

void Node::set(Key key, Node value) {
  TESSERA_ASSERT(is_map(), "a key was set in a node that is no map");
  const auto found = std::ranges::find(keys_, key.name, &Key::name);
  if (found == keys_.end()) {
    keys_.push_back(std::move(key));
    children_.push_back(std::move(value));
  } else {
    children_[static_cast<size_t>(found - keys_.begin())] = std::move(value);
    *found = std::move(key);
  }
}

void Node::erase(std::string_view key) {
  const auto found = std::ranges::find(keys_, key, &Key::name);
  if (found == keys_.end()) return;
  children_.erase(children_.begin() + (found - keys_.begin()));
  keys_.erase(found);
}

int Node::depth() const {
  int deepest = 0;
  for (const Node& child : children_) deepest = std::max(deepest, child.depth());
  return deepest + 1;
}

size_t Node::node_count() const {
  size_t total = 1;
  for (const Node& child : children_) total += child.node_count();
  return total;
}

bool operator==(const Node& left, const Node& right) {
  if (left.kind() != right.kind() || left.text() != right.text()) return false;
  if (left.is_scalar() && left.quoted() != right.quoted() && is_special_plain(left.text())) return false;
  return std::ranges::equal(left.keys(), right.keys(), {}, &Node::Key::name, &Node::Key::name) &&
         left.children() == right.children();
}

std::string describe(const Node& node) {
  switch (node.kind()) {
    case NodeKind::null: return "null";
    case NodeKind::scalar: return (node.quoted() ? "the quoted text " : "") + printable(node.text());
    case NodeKind::list: return "a list";
    case NodeKind::map: return "a map";
  }
  return "";
}

std::string escape(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      line.push_back(c);
    } else {
      line.append("\\x").append(1, "0123456789abcdef"[byte >> 4]).append(1, "0123456789abcdef"[byte & 15]);
    }
  }
  return line;
}

std::string printable(std::string_view text) {
  constexpr size_t kLongestBytes = 160;
  std::string line = "'";
  return line.append(escape(text.substr(0, kLongestBytes))).append(text.size() > kLongestBytes ? "...'" : "'");
}

}  // namespace tessera::config
