// SPDX-License-Identifier: Apache-2.0
// A small model for tests: whatever modules it is given, one after the other.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/nn/layers.h"

namespace tessera::nn {

class Chain final : public Module {
 public:
  std::string kind() const override { return "Chain"; }

  template <typename Child>
  Child& append(const std::string& name, std::unique_ptr<Child> child) {
    Child& reference = add(name, std::move(child));
    steps_.push_back(&reference);
    return reference;
  }
  Linear& add_linear(const std::string& name, int64_t in, int64_t out) { return append(name, std::make_unique<Linear>(in, out)); }

 private:
  Variable forward(const Variable& x, ForwardContext& context) override {
    Variable h = x;
    for (Module* step : steps_) h = (*step)(h, context);
    return h;
  }

  std::vector<Module*> steps_;
};

}  // namespace tessera::nn
