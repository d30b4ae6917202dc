// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <memory>
#include <span>
#include <utility>
#include <vector>

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
bool recording(std::span<const Variable> inputs);

/// A new `SomeNode(arguments...)` with these inputs on the tape.
template <typename SomeNode, typename... Arguments>
Variable record_on(Tensor value, std::vector<std::shared_ptr<Node>> inputs, Arguments&&... arguments) {
  auto node = std::make_shared<SomeNode>(std::forward<Arguments>(arguments)...);
  if (attached_profiler) [[unlikely]] attached_profiler->mark(node->name());
  connect(*node, std::move(inputs));
  return Variable(std::move(value), std::move(node));
}

/// Wraps an op's result; where recording, with a new `SomeNode(arguments...)` on the tape.
template <typename SomeNode, typename... Arguments>
Variable record(Tensor value, std::initializer_list<const Variable*> inputs, Arguments&&... arguments) {
  tick_activity();
  if (!recording(inputs)) return Variable(std::move(value));
  std::vector<std::shared_ptr<Node>> nodes;
  nodes.reserve(inputs.size());
  for (const Variable* input : inputs) nodes.push_back(input->node());
  return record_on<SomeNode>(std::move(value), std::move(nodes), std::forward<Arguments>(arguments)...);
}

/// The same for an op of any number of inputs.
template <typename SomeNode, typename... Arguments>
Variable record(Tensor value, std::span<const Variable> inputs, Arguments&&... arguments) {
  tick_activity();
  if (!recording(inputs)) return Variable(std::move(value));
  std::vector<std::shared_ptr<Node>> nodes;
  nodes.reserve(inputs.size());
  for (const Variable& input : inputs) nodes.push_back(input.node());
  return record_on<SomeNode>(std::move(value), std::move(nodes), std::forward<Arguments>(arguments)...);
}

}  // namespace tessera::autograd
