// SPDX-License-Identifier: Apache-2.0
#include "core/nn/layers.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/ops/activation.h"
#include "core/ops/linear.h"
#include "core/ops/normalisation.h"

namespace tessera::nn {

Linear::Linear(int64_t in_features, int64_t out_features)
    : weight_(add_parameter("weight", {out_features, in_features}, Initialiser::fan_in_uniform(in_features))),
      bias_(add_parameter("bias", {out_features}, Initialiser::fan_in_uniform(in_features))) {}

Variable Linear::forward(const Variable& x, ForwardContext& context) {
  return ops::linear(x, weight_.factor(context.precision()), bias_.variable(), {.precision = context.precision()});
}

namespace {

/// [first, second / groups, height, width]; PyTorch takes all but the first dim for the fan in, whichever way the channels go.
Shape weight_shape(const char* kind, int64_t first, int64_t second, int64_t groups, const ops::Size2d& kernel) {
  if (groups < 1 || first % groups != 0 || second % groups != 0) {
    throw Error(ErrorKind::usage, std::to_string(groups) + " groups do not divide " + std::to_string(first) + " and " + std::to_string(second) + " channels", kind);
  }
  return {first, second / groups, kernel.height, kernel.width};
}

Shape weight_shape(const Conv2dOptions& o) { return weight_shape("Conv2d", o.out_channels, o.in_channels, o.groups, o.kernel); }
Shape weight_shape(const ConvTranspose2dOptions& o) { return weight_shape("ConvTranspose2d", o.in_channels, o.out_channels, o.groups, o.kernel); }

template <typename Options>
int64_t fan_in(const Options& options) {
  const Shape shape = weight_shape(options);
  return shape[1] * shape[2] * shape[3];
}

}  // namespace

Conv2d::Conv2d(const Conv2dOptions& options)
    : options_{options.stride, options.padding, options.dilation, options.groups, options.same},
      weight_(add_parameter("weight", weight_shape(options), Initialiser::fan_in_uniform(fan_in(options)))),
      bias_(options.bias ? &add_parameter("bias", {options.out_channels}, Initialiser::fan_in_uniform(fan_in(options))) : nullptr) {}

Variable Conv2d::forward(const Variable& x, ForwardContext& context) {
  return ops::conv2d(x, weight_.factor(context.precision()), bias_ ? bias_->variable() : Variable(), options_, packed_, context.precision());
}

ConvTranspose2d::ConvTranspose2d(const ConvTranspose2dOptions& options)
    : options_{options.stride, options.padding, options.output_padding, options.dilation, options.groups},
      weight_(add_parameter("weight", weight_shape(options), Initialiser::fan_in_uniform(fan_in(options)))),
      bias_(options.bias ? &add_parameter("bias", {options.out_channels}, Initialiser::fan_in_uniform(fan_in(options))) : nullptr) {}

Variable ConvTranspose2d::forward(const Variable& x, ForwardContext& context) {
  return ops::conv_transpose2d(x, weight_.factor(context.precision()), bias_ ? bias_->variable() : Variable(), options_, packed_, context.precision());
}

BatchNorm::BatchNorm(int64_t channels, double epsilon, double momentum)
    : epsilon_(epsilon),
      weight_(add_parameter("weight", {channels}, Initialiser::constant(1.0f))),
      bias_(add_parameter("bias", {channels}, Initialiser::constant(0.0f))),
      mean_(add_statistic("running_mean", {channels}, 0.0f, momentum)),
      variance_(add_statistic("running_var", {channels}, 1.0f, momentum)) {}

Variable BatchNorm::normalise(const Variable& x, const Variable& residual, float ceiling, const ForwardContext& context) {
  const ops::BatchNormOptions options{epsilon_, ceiling};
  if (!context.training() || (mean_.fixed && variance_.fixed)) {
    return ops::batch_norm_apply(x, weight_.variable(), bias_.variable(), residual, options, mean_.value, variance_.value);
  }
  ops::BatchStatistics statistics{mean_.sample, variance_.sample};
  if (context.repeats()) statistics = {Tensor::empty(mean_.shape), Tensor::empty(variance_.shape)};
  return ops::batch_norm(x, weight_.variable(), bias_.variable(), residual, options, statistics);
}

Variable BatchNorm::forward(const Variable& x, ForwardContext& context) { return normalise(x, {}, kNoRelu, context); }

Variable BatchNorm::with_relu(const Variable& x, const Variable& residual, ForwardContext& context, float ceiling) {
  return checked(normalise(x, residual, ceiling, context), context);
}

Variable BatchNorm::with_residual(const Variable& x, const Variable& residual, ForwardContext& context) {
  return checked(normalise(x, residual, kNoRelu, context), context);
}

const std::vector<std::string>& activation_names() {
  static const std::vector<std::string> names = {"relu", "tanh", "sigmoid", "leaky_relu", "gelu", "gelu_tanh", "silu", "softplus", "relu6"};
  return names;
}

Activation activation_from(const std::string& name) {
  const std::vector<std::string>& names = activation_names();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return static_cast<Activation>(found - names.begin());
  std::string known;
  for (const std::string& other : names) known += (known.empty() ? "" : ", ") + other;
  throw Error(ErrorKind::usage, "unknown activation '" + name + "'", "model", "use one of " + known);
}

Variable activate(Activation activation, const Variable& x) {
  switch (activation) {
    case Activation::relu: return ops::relu(x);
    case Activation::tanh: return ops::tanh(x);
    case Activation::sigmoid: return ops::sigmoid(x);
    case Activation::leaky_relu: return ops::leaky_relu(x);
    case Activation::gelu: return ops::gelu(x);
    case Activation::gelu_tanh: return ops::gelu_tanh(x);
    case Activation::silu: return ops::silu(x);
    case Activation::softplus: return ops::softplus(x);
    case Activation::relu6: return ops::relu6(x);
  }
  return x;
}

ops::DropoutKey Dropout::next_key(ForwardContext& context) {
  return {random_key(context.seed(), RandomPurpose::dropout, path()), static_cast<uint32_t>(context.step()), static_cast<uint32_t>(context.quantum()),
          context.next_use(*this)};
}

Variable Dropout::forward(const Variable& x, ForwardContext& context) {
  return context.training() ? ops::dropout(x, probability_, next_key(context)) : x;
}

}  // namespace tessera::nn
