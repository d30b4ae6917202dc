// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/config/kinds.h"
#include "core/data/dataset.h"
#include "core/nn/module.h"

namespace tessera::recipes {

/// The kinds of models: their keys, how they are made, and what data they take. Each family adds itself by its own register_<family>().
class ModelTable {
 public:
  template <config::Declares Config>
  using Make = std::unique_ptr<nn::Module> (*)(const Config&);
  /// Throws Error(usage) that names key and fix where samples do not have the shape that the model takes, or have more classes.
  template <config::Declares Config>
  using Check = void (*)(const Config&, const config::KindBlock& model, const data::Dataset&);

  /// `doc`: one line. `make` throws Error(usage) for sizes that do not fit each other.
  template <config::Declares Config>
  void add(const std::string& name, const std::string& doc, Make<Config> make_model, Check<Config> check_data) {
    entries_.push_back({name, [=](config::KindRegistry& registry) { registry.add<Config>("model", name, doc); },
                        [=](const config::KindBlock& model) { return make_model(config::read_kind<Config>(model)); },
                        [=](const config::KindBlock& model, const data::Dataset& dataset) { check_data(config::read_kind<Config>(model), model, dataset); }});
  }

  void declare(config::KindRegistry& registry) const {
    for (const Entry& entry : entries_) entry.declare(registry);
  }
  std::unique_ptr<nn::Module> make(const config::KindBlock& model) const { return find(model.kind).make(model); }
  void check(const config::KindBlock& model, const data::Dataset& dataset) const { find(model.kind).check(model, dataset); }

 private:
  struct Entry {
    std::string name;
    std::function<void(config::KindRegistry&)> declare;
    std::function<std::unique_ptr<nn::Module>(const config::KindBlock&)> make;
    std::function<void(const config::KindBlock&, const data::Dataset&)> check;
  };

  const Entry& find(const std::string& name) const {
    for (const Entry& entry : entries_) {
      if (entry.name == name) return entry;
    }
    TESSERA_ASSERT(false, "model kind '" + name + "' is registered but not made");
  }

  std::vector<Entry> entries_;
};

}  // namespace tessera::recipes
