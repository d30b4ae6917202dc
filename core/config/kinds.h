// SPDX-License-Identifier: Apache-2.0
// Blocks whose keys depend on their `kind`. Models, data sets, optimizers and schedules live in higher layers; these tell a
// registry which kinds there are and which keys each of them has.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/fields.h"
#include "core/config/node.h"

namespace tessera::config {

/// A block such as `optimizer: {kind: sgd, learning_rate: 0.1}`.
struct KindBlock {
  std::string kind;
  Node node;  ///< after resolve(): every key of the block, defaults included

  /// Without a default the key `kind` is required.
  explicit KindBlock(std::string default_kind = {}) : kind(std::move(default_kind)) {}
  void declare(Fields& fields);
};

/// The kinds of all blocks. One object, filled by the program's layers and handed to resolve().
class KindRegistry {
 public:
  /// An object of a kind's config struct, whatever its type.
  class Config {
   public:
    virtual ~Config() = default;
    virtual void declare(Fields& fields) = 0;
  };

  struct Kind {
    std::string block;
    std::string name;
    std::string doc;  ///< one line
    std::function<std::unique_ptr<Config>()> make;
  };

  /// `ConfigStruct` is default-constructible and declares the kind's own keys, other than the block's common ones. A block
  /// and kind pair is registered once.
  template <Declares ConfigStruct>
  void add(std::string block, std::string name, std::string doc) {
    add_kind({std::move(block), std::move(name), std::move(doc), [] { return std::make_unique<Held<ConfigStruct>>(); }});
  }

  /// These kinds of a block read `keys` alike: they stay where a recipe that extends another, or --set, takes another of the kinds.
  void share(std::string block, std::vector<std::string> kinds, std::vector<std::string> keys);

  /// Keys that mean the same to both kinds.
  std::vector<std::string> shared_keys(std::string_view block, std::string_view kind, std::string_view other) const;

  /// nullptr when there is none.
  const Kind* find(std::string_view block, std::string_view name) const;
  /// In the order of registration.
  std::vector<const Kind*> list(std::string_view block) const;
  /// The kind's own keys with their defaults, for a reference page.
  std::vector<KeyInfo> keys_of_kind(const Kind& kind) const;

 private:
  template <Declares ConfigStruct>
  class Held : public Config {
   public:
    void declare(Fields& fields) override { value_.declare(fields); }

   private:
    ConfigStruct value_;
  };

  struct Shared {
    std::string block;
    std::vector<std::string> kinds, keys;
  };

  void add_kind(Kind kind);

  std::vector<Kind> kinds_;
  std::vector<Shared> shared_;
};

/// The kind's config out of a resolved block.
template <Declares ConfigStruct>
ConfigStruct read_kind(const KindBlock& block) {
  ConfigStruct value;
  read(block.node, value, block.kind, Unknown::ignore);
  return value;
}

}  // namespace tessera::config
