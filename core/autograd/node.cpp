// SPDX-License-Identifier: Apache-2.0
#include "core/autograd/node.h"

#include "core/autograd/leaf.h"
#include "core/base/error.h"
#include "core/kernels/kernels.h"

namespace tessera::autograd {
namespace {

thread_local uint64_t next_sequence = 1;

}  // namespace

Node::Node() : sequence_(next_sequence++) {}

void Node::accept(Tensor gradient) {
  if (!gradient_.defined()) {
    gradient_ = std::move(gradient);
    return;
  }
  // A new tensor: the parts may be shared with other nodes.
  Tensor sum = gradient_target(gradient.shape(), !gradient.is_contiguous());
  kernels_for(sum.device()).elementwise.add({sum.elements(), gradient_.data<float>(), gradient.data<float>(), sum.data<float>()});
  gradient_ = std::move(sum);
}

Tensor Node::gradient_target(const Shape& shape, bool channels_last) {
  return channels_last ? Tensor::empty_channels_last(shape) : Tensor::empty(shape);
}

void connect(Node& node, std::span<const std::shared_ptr<Node>> inputs) {
  TESSERA_ASSERT(inputs.size() <= Node::kMaxInputs, "an op has too many inputs");
  for (size_t i = 0; i < inputs.size(); ++i) {
    node.inputs_[i] = inputs[i];
    if (inputs[i] && inputs[i]->is_leaf()) static_cast<Leaf&>(*inputs[i]).add_use();
  }
}

}  // namespace tessera::autograd
