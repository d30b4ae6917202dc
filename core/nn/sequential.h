// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/nn/layers.h"

namespace tessera::nn {

/// Modules and ops one after the other. As in PyTorch's container every step has a number, from 0, and modules are named by theirs.
class Sequential final : public Module {
 public:
  using Op = std::function<Variable(const Variable&)>;

  std::string kind() const override { return "Sequential"; }

  Sequential& then(std::unique_ptr<Module> module);
  /// The name takes the place of the number, which is used up nevertheless.
  Sequential& then(const std::string& name, std::unique_ptr<Module> module);
  Sequential& then(Op op);
  /// Two steps in one pass over memory.
  Sequential& then_batch_norm_relu(std::unique_ptr<BatchNorm> norm, float ceiling = kReluCeiling);

 private:
  using Step = std::function<Variable(const Variable&, ForwardContext&)>;

  Variable forward(const Variable& x, ForwardContext& context) override;

  std::vector<Step> steps_;
  size_t next_number_ = 0;
};

}  // namespace tessera::nn
