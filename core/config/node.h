// SPDX-License-Identifier: Apache-2.0
// A YAML document as plain values, in which every node knows where it was written.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::config {

/// Where a value was written: a line of a file, or (line 0) something else such as "--set batch.micro_samples=3".
struct Origin {
  std::string source;
  int line = 0;

  /// "recipes/x.yaml:12", or the source alone.
  std::string text() const;
};

enum class NodeKind { null, scalar, list, map };

/// Null, a scalar, a list or an ordered map with unique keys. A scalar keeps its text; what type it has is for the reader
/// to say.
class Node {
 public:
  struct Key {
    std::string name;
    Origin origin;
  };

  Node() = default;
  static Node null(Origin origin);
  /// `quoted`: the text stands for itself and is never a number, a bool or null.
  static Node scalar(std::string text, bool quoted, Origin origin);
  /// A scalar that reads back as this very text, quoted where the plain text would be taken for something else.
  static Node text_scalar(std::string text, Origin origin);
  static Node list(std::vector<Node> items, Origin origin);
  static Node map(Origin origin);

  NodeKind kind() const { return kind_; }
  bool is_null() const { return kind_ == NodeKind::null; }
  bool is_scalar() const { return kind_ == NodeKind::scalar; }
  bool is_list() const { return kind_ == NodeKind::list; }
  bool is_map() const { return kind_ == NodeKind::map; }
  const Origin& origin() const { return origin_; }

  /// Empty unless a scalar.
  const std::string& text() const { return text_; }
  bool quoted() const { return quoted_; }
  /// The items of a list, or the values of a map in the order of keys(); empty otherwise.
  const std::vector<Node>& children() const { return children_; }
  /// Empty unless a map.
  const std::vector<Key>& keys() const { return keys_; }

  /// The value under `key`, or nullptr when this is no map or has no such key.
  const Node* find(std::string_view key) const;
  /// The value under a path such as "batch.micro_samples", or nullptr.
  const Node* find_path(std::string_view path) const;

  /// Adds or replaces a key. This must be a map.
  void set(Key key, Node value);
  /// Removes a key if it is there.
  void erase(std::string_view key);

  /// Levels of nesting: 1 for a scalar, an empty list or an empty map.
  int depth() const;
  /// Number of nodes, this one included.
  size_t node_count() const;

 private:
  NodeKind kind_ = NodeKind::null;
  bool quoted_ = false;
  Origin origin_;
  std::string text_;
  std::vector<Key> keys_;
  std::vector<Node> children_;
};

/// The same document, wherever it was written. Quotes count only where they change what a scalar means.
bool operator==(const Node& left, const Node& right);

/// "null", a scalar, "a list" or "a map", as messages name a node of the wrong type.
std::string describe(const Node& node);

/// One line: control characters become \xNN.
std::string escape(std::string_view text);

/// Text for a message: one line, shortened, in single quotes.
std::string printable(std::string_view text);

}  // namespace tessera::config
