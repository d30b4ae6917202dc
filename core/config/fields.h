// SPDX-License-Identifier: Apache-2.0
// The table behind every configuration struct. A struct declares its keys once,
//
//   struct SgdConfig {
//     double momentum = 0;
//     void declare(Fields& fields) {
//       fields.add("momentum", momentum, {.doc = "share of the last update", .minimum = 0, .below = 1});
//     }
//   };
//
// and reading, checking, writing with defaults, hashing and the reference page all follow from that table.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/config/node.h"
#include "core/config/scalar.h"

namespace tessera::config {

/// What a change of a key means to a run that is resumed.
enum class Effect {
  mathematics,  ///< part of the hash; a change is an error
  extendable,   ///< how long to train; a change is fine
  free,         ///< leaves every bit of the result alone: logging, paths, mesh, checkpoints, evaluation
};

std::string_view name_of(Effect effect);

/// What there is to know about a key besides its name, type and default. Bounds and choices hold for every item of a
/// list.
struct About {
  std::string doc{};   ///< one line
  std::string unit{};  ///< "samples", "s"; empty when the number has none
  Effect effect = Effect::mathematics;
  std::optional<double> minimum{};  ///< inclusive
  std::optional<double> maximum{};  ///< inclusive
  std::optional<double> above{};    ///< exclusive lower bound
  std::optional<double> below{};    ///< exclusive upper bound
  std::vector<std::string> choices{};
  bool required = false;
  bool allow_infinite = false;  ///< .inf and -.inf; NaN never is allowed
  bool late = false;            ///< younger than recipes that have been hashed: outside the hash while at its default
};

class Fields;

template <typename Struct>
concept Declares = requires(Struct& value, Fields& fields) { value.declare(fields); };

/// A list whose items are blocks of keys, such as `groups: [{match: "*.bias", weight_decay: 0}]`.
class BlockList {
 public:
  virtual ~BlockList() = default;
  /// Makes it a list of `count` default items.
  virtual void reset(size_t count) = 0;
  /// The keys of each item.
  virtual std::vector<Fields>& items() = 0;
  const std::vector<Fields>& items() const { return const_cast<BlockList*>(this)->items(); }
  /// The keys of an item that has not been read: for reference and schema.
  virtual const Fields& item_keys() const = 0;
};

template <Declares Struct>
class BlockListOf;

template <typename Value>
struct BlockListItem {};
template <Declares Struct>
struct BlockListItem<std::vector<Struct>> {
  using Type = Struct;
};
template <typename Value>
concept ListsBlocks = requires { typename BlockListItem<Value>::Type; };

/// The keys of one struct, bound to one object of it; that object must outlive this table and stay in its place.
class Fields {
 public:
  using Target = std::variant<bool*, int64_t*, double*, std::string*, Bytes*, std::optional<bool>*, std::optional<int64_t>*,
                              std::optional<double>*, std::optional<std::string>*, std::optional<Bytes>*,
                              std::vector<int64_t>*, std::vector<double>*, std::vector<std::string>*>;

  struct Field {
    std::string name;
    About about;
    Target target;                      ///< unused when `block` or `blocks` is there
    std::unique_ptr<Fields> block{};    ///< the keys of a nested struct
    std::unique_ptr<BlockList> blocks{};  ///< the keys of a list of structs
    Origin origin{"default", 0};        ///< where the value was read; "default" before
    std::string default_value{};        ///< in YAML's flow style; empty for a block
  };

  /// Declares a key. A nested struct is one with declare(Fields&); of its About only `doc` counts. A std::vector of such structs is a list of
  /// blocks; of its About doc, effect and late count, and the items' own effects do not. Names are unique.
  template <typename Value>
  void add(std::string name, Value& value, About about) {
    if constexpr (Declares<Value>) {
      value.declare(add_block(std::move(name), std::move(about)));
    } else if constexpr (ListsBlocks<Value>) {
      add_blocks(std::move(name), std::make_unique<BlockListOf<typename BlockListItem<Value>::Type>>(value), std::move(about));
    } else {
      add_value(std::move(name), Target(&value), std::move(about));
    }
  }

  std::vector<Field>& entries() { return entries_; }
  const std::vector<Field>& entries() const { return entries_; }
  Field* find(std::string_view name);
  /// The keys of the nested struct `name`, which must have been declared: for keys that are known only later.
  Fields& block(std::string_view name);
  std::vector<std::string> names() const;

 private:
  void add_value(std::string name, Target target, About about);
  Fields& add_block(std::string name, About about);
  void add_blocks(std::string name, std::unique_ptr<BlockList> blocks, About about);

  std::vector<Field> entries_;
};

template <Declares Struct>
class BlockListOf final : public BlockList {
 public:
  explicit BlockListOf(std::vector<Struct>& list) : list_(list) {
    item_.declare(item_keys_);
    declare_items();
  }
  void reset(size_t count) override {
    items_.clear();
    list_.assign(count, Struct());
    declare_items();
  }
  std::vector<Fields>& items() override { return items_; }
  const Fields& item_keys() const override { return item_keys_; }

 private:
  void declare_items() {
    for (Struct& item : list_) item.declare(items_.emplace_back());
  }

  std::vector<Struct>& list_;
  std::vector<Fields> items_;
  Struct item_;
  Fields item_keys_;
};

enum class Unknown { refuse, ignore };

/// Fills the struct behind `fields` from a map (null counts as an empty one). `path` is how messages name the map, empty
/// for a whole document. Throws Error(usage) that names file, line and key: unknown key (with the nearest known one), wrong
/// type, value out of bounds or not among the choices, required key missing.
void read_fields(const Node& node, Fields& fields, std::string_view path, Unknown unknown = Unknown::refuse);

/// All keys with their values, also those left at their defaults. Origins are those of reading; `origin` is the map's.
Node write_fields(const Fields& fields, const Origin& origin = {"default", 0});

template <Declares Struct>
void read(const Node& node, Struct& value, std::string_view path = {}, Unknown unknown = Unknown::refuse) {
  Fields fields;
  value.declare(fields);
  read_fields(node, fields, path, unknown);
}

template <Declares Struct>
Node write(Struct value) {
  Fields fields;
  value.declare(fields);
  return write_fields(fields);
}

/// One row of the reference: a key with the value it holds, which is the default when the struct has not been read.
struct KeyInfo {
  std::string path;
  std::string type;   ///< "integer", "number or null", "list of texts"
  std::string value;  ///< in YAML's flow style
  About about;
  std::string default_value{};   ///< likewise
  std::vector<KeyInfo> items{};  ///< the keys of a list's blocks, at their defaults
};

/// A row for every key that is no block, in the order of declaration.
std::vector<KeyInfo> keys_of(const Fields& fields, std::string_view path = {});

/// Of the struct's own keys and blocks.
template <Declares Struct>
std::vector<std::string> names_of() {
  Struct value;
  Fields fields;
  value.declare(fields);
  return fields.names();
}

template <Declares Struct>
std::vector<KeyInfo> default_keys(std::string_view path = {}) {
  Struct value;
  Fields fields;
  value.declare(fields);
  return keys_of(fields, path);
}

/// "block.key", or "key" alone at the top.
std::string join_path(std::string_view path, std::string_view key);

}  // namespace tessera::config
