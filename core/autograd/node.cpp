// SPDX-License-Identifier: Apache-2.0
#include "core/autograd/node.h"

#include <utility>

#include "core/autograd/leaf.h"
#include "core/kernels/kernels.h"

namespace tessera::autograd {
namespace {

thread_local uint64_t next_sequence = 1;

bool is_image(const Tensor& tensor) { return tensor.is_channels_last() && !tensor.is_contiguous(); }

}  // namespace

Node::Node() : sequence_(next_sequence++) {}

void Node::accept(Tensor gradient) {
  if (deferred_) gradient_ = take_received();
  if (!gradient_.defined()) {
    gradient_ = std::move(gradient);
    return;
  }
  // A new tensor: the parts may be shared with other nodes.
  Tensor sum = gradient_target(gradient.shape(), is_image(gradient_) || is_image(gradient));
  const Tensor first = in_order_of(gradient_, sum), second = in_order_of(gradient, sum);
  kernels_for(sum.device()).elementwise.add({sum.elements(), first.data<float>(), second.data<float>(), sum.data<float>()});
  gradient_ = std::move(sum);
}

Tensor Node::gradient_target(const Shape& shape, bool channels_last) {
  return channels_last ? Tensor::empty_channels_last(shape) : Tensor::empty(shape);
}

void Node::accept_deferred(std::shared_ptr<const DeferredGradient> gradient) {
  if (takes_deferred() && !has_received()) {
    deferred_ = std::move(gradient);
  } else {
    accept(gradient->whole(take_received()));
  }
}

Tensor Node::take_received() {
  if (deferred_) return std::exchange(deferred_, nullptr)->whole({});
  return std::exchange(gradient_, Tensor());
}

void Node::run_backward() {
  if (deferred_) {
    backward_deferred(*deferred_);
    deferred_.reset();
  } else {
    backward(gradient_);
    gradient_ = Tensor();
  }
}

Tensor Node::early_target(const Shape& shape) { return Tensor::empty(shape); }

Tensor Node::accumulator(size_t input, const Shape& shape) const {
  const Tensor sum = received(input);
  if (sum.defined() && inputs_[input]->is_leaf()) return sum;
  Tensor own = target(input, shape);
  if (sum.defined()) copy_into(sum, own);
  else fill_zero(own);
  return own;
}

void connect(Node& node, std::vector<std::shared_ptr<Node>> inputs) {
  for (const auto& input : inputs) {
    if (!input) continue;
    ++input->consumers_left_;
    if (input->is_leaf()) static_cast<Leaf&>(*input).add_use();
  }
  node.inputs_ = std::move(inputs);
}

}  // namespace tessera::autograd
