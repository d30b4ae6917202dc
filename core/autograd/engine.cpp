// SPDX-License-Identifier: Apache-2.0
#include "core/autograd/engine.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/profiler.h"

namespace tessera::autograd {
namespace {

bool earlier(const std::shared_ptr<Node>& a, const std::shared_ptr<Node>& b) { return a->sequence() < b->sequence(); }

}  // namespace

void Engine::queue(const std::shared_ptr<Node>& node) {
  heap_.push_back(node);
  std::push_heap(heap_.begin(), heap_.end(), earlier);
}

std::shared_ptr<Node> Engine::next() {
  std::pop_heap(heap_.begin(), heap_.end(), earlier);
  std::shared_ptr<Node> node = std::move(heap_.back());
  heap_.pop_back();
  return node;
}

void Engine::backward(const Variable& root, std::span<const std::shared_ptr<Leaf>> leaves) {
  TESSERA_ASSERT(root.value().elements() == 1, "backward starts at a scalar");
  const float one = 1.0f;
  backward(root, Tensor::of<float>({&one, 1}, root.shape()));
  for (const auto& leaf : leaves) leaf->finish_backward();
}

void Engine::backward(const Variable& root, const Tensor& gradient) {
  heap_.clear();
  if (root.needs_grad()) {
    root.node()->accept(gradient);
    if (!root.node()->is_leaf()) queue(root.node());
  }
  while (!heap_.empty()) {
    const std::shared_ptr<Node> node = next();
    tick_activity();
    if (node->has_received()) {
      const ProfileScope scope(Phase::backward, node->name());
      node->run_backward();
    }
    for (auto& input : node->inputs_) {
      if (input) --input->consumers_left_;
      if (input && !input->is_leaf() && !input->queued_) {
        input->queued_ = true;
        queue(input);
      }
      input.reset();
    }
  }
}

}  // namespace tessera::autograd
