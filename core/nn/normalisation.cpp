// SPDX-License-Identifier: Apache-2.0
#include "core/nn/normalisation.h"

#include "core/base/error.h"
#include "core/ops/checks.h"

namespace tessera::nn {
namespace {

Variable variable_of(const Parameter* parameter) { return parameter ? parameter->variable() : Variable(); }

}  // namespace

LayerNorm::LayerNorm(const Shape& normalised, double epsilon, bool bias)
    : normalised_(normalised),
      epsilon_(epsilon),
      weight_(add_parameter("weight", normalised, Initialiser::constant(1.0f))),
      bias_(bias ? &add_parameter("bias", normalised, Initialiser::constant(0.0f)) : nullptr) {}

Variable LayerNorm::forward(const Variable& x, ForwardContext&) {
  return ops::layer_norm(x, normalised_, weight_.variable(), variable_of(bias_), epsilon_);
}

ops::NormalisedSum LayerNorm::of_sum(const Variable& x, const Variable& residual, const ForwardContext& context) const {
  ops::NormalisedSum result = ops::add_layer_norm(x, residual, normalised_, weight_.variable(), variable_of(bias_), epsilon_);
  result.normalised = checked(std::move(result.normalised), context);
  return result;
}

GroupNorm::GroupNorm(int64_t groups, int64_t channels, double epsilon, bool affine)
    : groups_(groups),
      channels_(channels),
      epsilon_(epsilon),
      weight_(affine ? &add_parameter("weight", {channels}, Initialiser::constant(1.0f)) : nullptr),
      bias_(affine ? &add_parameter("bias", {channels}, Initialiser::constant(0.0f)) : nullptr) {
  if (groups < 1 || channels % groups != 0) {
    throw Error(ErrorKind::usage, std::to_string(groups) + " groups do not divide " + std::to_string(channels) + " channels", "GroupNorm");
  }
}

Variable GroupNorm::forward(const Variable& x, ForwardContext&) {
  if (x.shape().dims() < 2 || x.shape()[1] != channels_) ops::fail_shapes("group_norm", "input and channels do not fit", x.shape(), {channels_});
  return ops::group_norm(x, groups_, variable_of(weight_), variable_of(bias_), epsilon_);
}

}  // namespace tessera::nn
