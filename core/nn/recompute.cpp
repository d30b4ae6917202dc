// SPDX-License-Identifier: Apache-2.0
#include "core/nn/recompute.h"

#include <algorithm>

#include "core/autograd/engine.h"
#include "core/base/error.h"
#include "core/base/flops.h"

namespace tessera::nn {
namespace {

/// The block's input in the second pass: where its gradient ends up.
class BlockInput final : public autograd::Node {
 public:
  const char* name() const override { return "block_input"; }
  void backward(const Tensor& gradient) override { received_ = gradient; }
  Tensor take() { return std::move(received_); }

 private:
  Tensor received_;
};

/// Its inputs are the block's and then the leaves, each of which so has a use until the second pass is over.
class RecomputeNode final : public autograd::Node {
 public:
  RecomputeNode(BlockPass pass, Tensor input, std::vector<std::shared_ptr<autograd::Leaf>> leaves, ForwardContext context)
      : pass_(std::move(pass)), input_(std::move(input)), leaves_(std::move(leaves)), context_(std::move(context)) {}

  const char* name() const override { return "recompute"; }

  void backward(const Tensor& gradient) override {
    const auto input = wants(0) ? std::make_shared<BlockInput>() : nullptr;
    context_.repeat();
    const Variable output = again(input);
    autograd::Engine().backward(output, gradient);
    for (const auto& leaf : leaves_) {
      if (leaf) leaf->end_use();
    }
    if (!input) return;
    Tensor received = input->take();
    if (received.defined()) give(0, std::move(received));
  }

 private:
  Variable again(const std::shared_ptr<BlockInput>& input) {
    const UncountedFlops uncounted;
    return pass_(Variable(input_, input), context_);
  }

  BlockPass pass_;
  Tensor input_;
  std::vector<std::shared_ptr<autograd::Leaf>> leaves_;
  ForwardContext context_;  // as it was before the first pass
};

}  // namespace

Variable recompute(BlockPass pass, const Variable& x, std::vector<std::shared_ptr<autograd::Leaf>> leaves, ForwardContext& context) {
  const ForwardContext before = context;
  Tensor value;
  {
    const autograd::NoGrad no_grad;
    value = pass(x, context).value();
  }
  TESSERA_ASSERT(context.auxiliary().size() == before.auxiliary().size(), "a block that is recomputed has no auxiliary head");
  std::vector<std::shared_ptr<autograd::Node>> inputs = {x.node()};
  inputs.insert(inputs.end(), leaves.begin(), leaves.end());
  if (std::none_of(inputs.begin(), inputs.end(), [](const auto& input) { return input != nullptr; })) return Variable(std::move(value));
  return autograd::record_on<RecomputeNode>(std::move(value), std::move(inputs), std::move(pass), x.value(), std::move(leaves), before);
}

}  // namespace tessera::nn
