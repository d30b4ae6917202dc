// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "core/base/error.h"
#include "core/kernels/kernels.h"
#include "core/ops/channels.h"
#include "core/ops/checks.h"
#include "core/ops/normalisation.h"

namespace tessera::ops {
namespace {

class GroupNormNode final : public autograd::Node {
 public:
  GroupNormNode(Tensor input, Tensor weight, Tensor mean, Tensor inverse_deviation)
      : input_(std::move(input)), weight_(std::move(weight)), mean_(std::move(mean)), inverse_deviation_(std::move(inverse_deviation)) {}

  const char* name() const override { return "group_norm"; }

  void backward(const Tensor& gradient) override {
    const Tensor dy = channels_innermost(gradient);
    const auto [samples, pixels, channels] = channel_extent(input_.shape());
    const Shape& shape = weight_.shape();
    Tensor dx = empty_like(input_);
    Tensor dweight = wants(1) ? target(1, shape) : Tensor::empty(shape), dbias = wants(2) ? target(2, shape) : Tensor::empty(shape);
    const Tensor partials = Tensor::empty({samples, 2, channels});
    kernels_for(dx.device())
        .normalisation.group_norm_backward({samples, pixels, channels, mean_.shape()[1], input_.data<float>(), dy.data<float>(),
                                            weight_.data<float>(), mean_.data<float>(), inverse_deviation_.data<float>(), dx.data<float>(),
                                            dweight.data<float>(), dbias.data<float>(), partials.data<float>()});
    if (wants(2)) give(2, std::move(dbias));
    if (wants(1)) give(1, std::move(dweight));
    if (wants(0)) give(0, std::move(dx));
  }

 private:
  Tensor input_, weight_, mean_, inverse_deviation_;
};

void check(const Tensor& x, int64_t groups) {
  require_channels("group_norm", x);
  const Shape& shape = x.shape();
  if (groups < 1 || shape[1] % groups != 0) {
    throw Error(ErrorKind::usage, "group_norm: " + std::to_string(groups) + " groups do not divide the channels of " + shape.text());
  }
  if (channel_extent(shape).pixels * shape[1] == 0) throw Error(ErrorKind::usage, "group_norm has no statistics of the empty samples of " + shape.text());
}

}  // namespace

Variable group_norm(const Variable& x, int64_t groups, const Variable& weight, const Variable& bias, double epsilon) {
  check(x.value(), groups);
  const Tensor input = channels_innermost(x.value());
  const auto [samples, pixels, channels] = channel_extent(input.shape());
  const Tensor scale = parameter_or("group_norm", "weight and channels of the input do not fit", weight, {channels}, 1.0f);
  const Tensor shift = parameter_or("group_norm", "bias and channels of the input do not fit", bias, {channels}, 0.0f);
  const Tensor output = empty_like(input), mean = Tensor::empty({samples, groups}), inverse_deviation = Tensor::empty({samples, groups});
  kernels_for(output.device())
      .normalisation.group_norm_forward({samples, pixels, channels, groups, static_cast<float>(epsilon), input.data<float>(),
                                         scale.data<float>(), shift.data<float>(), output.data<float>(), mean.data<float>(),
                                         inverse_deviation.data<float>()});
  return autograd::record<GroupNormNode>(output, {&x, &weight, &bias}, input, scale, mean, inverse_deviation);
}

}  // namespace tessera::ops
