// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <memory>
#include <utility>

#include "core/autograd/node.h"
#include "core/base/activity.h"
#include "core/base/profiler.h"

namespace tessera::autograd {

/// A tensor and, where a gradient is wanted, the node that made it.
class Variable {
 public:
  Variable() = default;
  explicit Variable(Tensor value, std::shared_ptr<Node> node = nullptr) : value_(std::move(value)), node_(std::move(node)) {}

  const Tensor& value() const { return value_; }
  const Shape& shape() const { return value_.shape(); }
  const std::shared_ptr<Node>& node() const { return node_; }
  bool needs_grad() const { return node_ != nullptr; }
  bool defined() const { return value_.defined(); }

 private:
  Tensor value_;
  std::shared_ptr<Node> node_;
};

/// Nothing is recorded on this thread while the object lives (evaluation).
class NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

  static bool active();

 private:
  bool previous_;
};

/// Whether an op on these inputs has to record a node.
bool recording(std::initializer_list<const Variable*> inputs);

/// Wraps an op's result; where recording, with a new `SomeNode(arguments...)` on the tape.
template <typename SomeNode, typename... Arguments>
Variable record(Tensor value, std::initializer_list<const Variable*> inputs, Arguments&&... arguments) {
  tick_activity();
  if (!recording(inputs)) return Variable(std::move(value));
  auto node = std::make_shared<SomeNode>(std::forward<Arguments>(arguments)...);
  if (attached_profiler) [[unlikely]] attached_profiler->mark(node->name());
  std::array<std::shared_ptr<Node>, Node::kMaxInputs> nodes;
  size_t count = 0;
  for (const Variable* input : inputs) nodes[count++] = input->node();
  connect(*node, {nodes.data(), count});
  return Variable(std::move(value), std::move(node));
}

}  // namespace tessera::autograd
