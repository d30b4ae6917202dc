// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "core/autograd/leaf.h"
#include "core/autograd/variable.h"

namespace tessera::autograd {

/// Runs backward iteratively, in descending order of sequence numbers, and frees what nodes saved as it goes.
class Engine {
 public:
  /// `root` is a scalar; its gradient is one. Afterwards every leaf has fired its hook exactly once.
  void backward(const Variable& root, std::span<const std::shared_ptr<Leaf>> leaves);
  /// A part of a larger backward: from `root` with this gradient; leaves are left to whoever runs the whole.
  void backward(const Variable& root, const Tensor& gradient);

 private:
  void queue(const std::shared_ptr<Node>& node);
  std::shared_ptr<Node> next();

  std::vector<std::shared_ptr<Node>> heap_;
};

}  // namespace tessera::autograd
