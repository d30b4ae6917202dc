// SPDX-License-Identifier: Apache-2.0
// The tape. A node stands for one op's result: it knows the nodes of its inputs, what it saved, and how to turn the gradient of
// its output into gradients of its inputs.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/tensor/tensor.h"

namespace tessera::autograd {

/// A gradient that is not there yet: who takes it computes it, all at once or a few samples at a time, which are used while they are near.
class DeferredGradient {
 public:
  virtual ~DeferredGradient() = default;
  /// All of it plus `received`, where that is defined, in one pass over memory.
  virtual Tensor whole(const Tensor& received) const = 0;
  /// Samples [first, first + to.shape()[0]) into `to`, which is channels-last.
  virtual void part(int64_t first, const Tensor& to) const = 0;
};

class Node {
 public:
  Node();
  virtual ~Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  virtual const char* name() const = 0;

  /// Hands the gradient of every input that wants one to give(). `gradient` has the shape of the output.
  virtual void backward(const Tensor& gradient) = 0;

  /// Receives a part of the gradient of this node's output; several parts are summed in the order they come. In
  /// whatever layout: a view, too.
  virtual void accept(Tensor gradient);
  /// The same; a node that takes_deferred() keeps it for backward_deferred() where it is the only part.
  void accept_deferred(std::shared_ptr<const DeferredGradient> gradient);
  /// Told by the last consumer, as it goes, that the first `elements` in memory of a gradient are there, and near: all of it will come by accept(), with no
  /// other. A node that reads its gradient twice may do so once in advance, and write to what it was shown.
  virtual void look_at(const Tensor&, int64_t) {}
  /// Where a consumer may write its part directly (parameters: their place in the flat gradient buffer), or a new tensor.
  virtual Tensor gradient_target(const Shape& shape, bool channels_last);
  /// Takes back what has been received so far; undefined: nothing yet. Who takes it gives it again with his own part added, in one pass over memory.
  /// Its memory may be shared with other nodes, except that of a leaf.
  virtual Tensor take_received();
  /// Whether backward_deferred() does better than backward().
  virtual bool takes_deferred() const { return false; }
  virtual void backward_deferred(const DeferredGradient&) {}
  /// Where an op that finds its gradient during forward may write it; it gives the same tensor in backward.
  virtual Tensor early_target(const Shape& shape);

  /// Nodes are numbered as they are made, so descending order is a valid order of backward on every rank.
  uint64_t sequence() const { return sequence_; }
  /// Leaves are never put into the engine's queue.
  virtual bool is_leaf() const { return false; }

 protected:
  bool wants(size_t input) const { return inputs_[input] != nullptr; }
  void give(size_t input, Tensor gradient) { inputs_[input]->accept(std::move(gradient)); }
  void give_deferred(size_t input, std::shared_ptr<const DeferredGradient> gradient) { inputs_[input]->accept_deferred(std::move(gradient)); }
  Tensor target(size_t input, const Shape& shape, bool channels_last = false) const {
    return inputs_[input]->gradient_target(shape, channels_last);
  }
  void show(size_t input, const Tensor& gradient, int64_t elements) const {
    if (inputs_[input]->consumers_left_ == 1) inputs_[input]->look_at(gradient, elements);
  }
  Tensor received(size_t input) const { return inputs_[input]->take_received(); }
  /// What `input` has received so far, or zeros, in memory that the caller may add to; to be given back.
  Tensor accumulator(size_t input, const Shape& shape) const;

 private:
  friend class Engine;
  friend void connect(Node& node, std::vector<std::shared_ptr<Node>> inputs);

  bool has_received() const { return gradient_.defined() || deferred_; }
  void run_backward();

  uint64_t sequence_;
  bool queued_ = false;
  int64_t consumers_left_ = 0;  // nodes that may still send a part; one that never runs leaves it too large, and then nothing is shown
  std::vector<std::shared_ptr<Node>> inputs_;
  Tensor gradient_;
  std::shared_ptr<const DeferredGradient> deferred_;  // instead of gradient_
};

/// Makes `inputs` (null: no gradient wanted) the inputs of a new node.
void connect(Node& node, std::vector<std::shared_ptr<Node>> inputs);

}  // namespace tessera::autograd
