// SPDX-License-Identifier: Apache-2.0
#include "core/nn/sequential.h"

namespace tessera::nn {

Sequential& Sequential::then(std::unique_ptr<Module> module) { return then(std::to_string(next_number_), std::move(module)); }

Sequential& Sequential::then(const std::string& name, std::unique_ptr<Module> module) {
  Module& child = add(name, std::move(module));
  steps_.push_back([&child](const Variable& x, ForwardContext& context) { return child(x, context); });
  ++next_number_;
  return *this;
}

Sequential& Sequential::then(Op op) {
  steps_.push_back([op = std::move(op)](const Variable& x, ForwardContext&) { return op(x); });
  ++next_number_;
  return *this;
}

Sequential& Sequential::then_batch_norm_relu(std::unique_ptr<BatchNorm> norm, float ceiling) {
  BatchNorm& child = add(std::to_string(next_number_), std::move(norm));
  steps_.push_back([&child, ceiling](const Variable& x, ForwardContext& context) { return child.with_relu(x, {}, context, ceiling); });
  next_number_ += 2;
  return *this;
}

Variable Sequential::forward(const Variable& x, ForwardContext& context) {
  Variable h = x;
  for (const Step& step : steps_) h = step(h, context);
  return h;
}

}  // namespace tessera::nn
