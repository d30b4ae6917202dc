// SPDX-License-Identifier: Apache-2.0
#include "core/nn/layers.h"

#include "core/base/error.h"
#include "core/ops/activation.h"
#include "core/ops/linear.h"

namespace tessera::nn {

Linear::Linear(int64_t in_features, int64_t out_features)
    : weight_(add_parameter("weight", {out_features, in_features}, Initialiser::fan_in_uniform(in_features))),
      bias_(add_parameter("bias", {out_features}, Initialiser::fan_in_uniform(in_features))) {}

Variable Linear::forward(const Variable& x, ForwardContext&) { return ops::linear(x, weight_.variable(), bias_.variable()); }

Conv2d::Conv2d(const Conv2dOptions& options)
    : options_{options.stride, options.padding},
      weight_(add_parameter("weight", {options.out_channels, options.in_channels, options.kernel, options.kernel},
                            Initialiser::fan_in_uniform(options.in_channels * options.kernel * options.kernel))),
      bias_(add_parameter("bias", {options.out_channels},
                          Initialiser::fan_in_uniform(options.in_channels * options.kernel * options.kernel))) {}

Variable Conv2d::forward(const Variable& x, ForwardContext&) {
  return ops::conv2d(x, weight_.variable(), bias_.variable(), options_, packed_);
}

Activation activation_from(const std::string& name) {
  if (name == "relu") return Activation::relu;
  if (name == "tanh") return Activation::tanh;
  if (name == "sigmoid") return Activation::sigmoid;
  throw Error(ErrorKind::usage, "unknown activation '" + name + "'", "model", "use relu, tanh or sigmoid");
}

Variable activate(Activation activation, const Variable& x) {
  switch (activation) {
    case Activation::relu: return ops::relu(x);
    case Activation::tanh: return ops::tanh(x);
    case Activation::sigmoid: return ops::sigmoid(x);
  }
  return x;
}

Variable Dropout::forward(const Variable& x, ForwardContext& context) {
  if (!context.training()) return x;
  const ops::DropoutKey key{random_key(context.seed(), RandomPurpose::dropout, path()), static_cast<uint32_t>(context.step()),
                            static_cast<uint32_t>(context.quantum()), context.next_use(*this)};
  return ops::dropout(x, probability_, key);
}

}  // namespace tessera::nn
