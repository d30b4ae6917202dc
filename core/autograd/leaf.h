// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/autograd/node.h"

namespace tessera::autograd {

/// Told when the gradient of a parameter is complete for the current backward; the place where synchronisation starts.
class GradientHook {
 public:
  virtual ~GradientHook() = default;
  /// The gradient lies in the parameter's gradient view. Called on the thread that runs backward.
  virtual void gradient_ready(size_t parameter_index) = 0;
};

/// A parameter's end of the tape. Its gradient is written to a fixed view (its range of the flat gradient buffer).
class Leaf final : public Node {
 public:
  /// `index` is handed to the hook.
  Leaf(size_t index, Tensor gradient) : index_(index), view_(std::move(gradient)) {}

  const char* name() const override { return "parameter"; }
  void backward(const Tensor&) override {}
  bool is_leaf() const override { return true; }

  void accept(Tensor gradient) override;
  Tensor gradient_target(const Shape& shape, bool channels_last) override;
  Tensor take_received() override;
  Tensor early_target(const Shape& shape) override;

  void set_hook(GradientHook* hook) { hook_ = hook; }
  void add_use() { ++uses_; }
  /// A use that brings no gradient of its own has ended.
  void end_use();
  /// Fires the hook if backward did not: with what has come, or with zero. Makes the leaf ready for the next backward.
  void finish_backward();
  /// Forgets uses of a graph that was thrown away.
  void reset();

 private:
  void fire();

  size_t index_;
  Tensor view_;
  GradientHook* hook_ = nullptr;
  int uses_ = 0;
  bool written_ = false;
  bool fired_ = false;
};

}  // namespace tessera::autograd
