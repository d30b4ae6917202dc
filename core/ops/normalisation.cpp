// SPDX-License-Identifier: Apache-2.0
#include "core/ops/normalisation.h"

#include <cmath>

#include "core/base/error.h"
#include "core/kernels/kernels.h"
#include "core/ops/activation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/channels.h"
#include "core/ops/checks.h"
#include "core/ops/view.h"

namespace tessera::ops {
namespace {

void check(const Variable& x, const Variable& weight, const Variable& bias, const Variable& residual) {
  const Shape& shape = x.shape();
  require_channels("batch_norm", x.value());
  if (weight.shape() != Shape{shape[1]}) fail_shapes("batch_norm", "weight and input channels do not fit", weight.shape(), shape);
  if (bias.shape() != Shape{shape[1]}) fail_shapes("batch_norm", "bias and input channels do not fit", bias.shape(), shape);
  if (residual.defined() && residual.shape() != shape) fail_shapes("batch_norm", "residual and input do not fit", residual.shape(), shape);
}

class BatchNormNode final : public autograd::Node {
 public:
  /// `output`: only where there is a residual.
  BatchNormNode(Tensor input, Tensor output, Tensor weight, Tensor bias, Tensor mean, Tensor inverse_deviation, float ceiling)
      : input_(std::move(input)),
        output_(std::move(output)),
        weight_(std::move(weight)),
        bias_(std::move(bias)),
        mean_(std::move(mean)),
        inverse_deviation_(std::move(inverse_deviation)),
        ceiling_(ceiling) {}

  const char* name() const override { return "batch_norm"; }

  void backward(const Tensor& gradient) override {
    const Tensor dy = channels_innermost(gradient);
    const ChannelExtent extent = channel_extent(input_.shape());
    Tensor before = wants(0) ? received(0) : Tensor();
    if (before.defined() && !pixel_step(before)) before = channels_innermost(before);
    const int64_t before_step = before.defined() ? *pixel_step(before) : 0;
    Tensor dx = empty_like(input_), dresidual = wants(3) ? empty_like(input_) : Tensor();
    Tensor dweight = wants(1) ? target(1, weight_.shape()) : Tensor::empty(weight_.shape());
    Tensor dbias = wants(2) ? target(2, weight_.shape()) : Tensor::empty(weight_.shape());
    kernels_for(dx.device())
        .normalisation.batch_norm_backward({extent.rows(), extent.channels, ceiling_, input_.data<float>(), output_.data<float>(),
                                            dy.data<float>(), weight_.data<float>(), bias_.data<float>(), mean_.data<float>(), inverse_deviation_.data<float>(),
                                            before.data<float>(), before_step, dx.data<float>(), dresidual.data<float>(), dweight.data<float>(), dbias.data<float>()});
    if (wants(2)) give(2, std::move(dbias));
    if (wants(1)) give(1, std::move(dweight));
    if (wants(3)) give(3, std::move(dresidual));
    if (wants(0)) give(0, std::move(dx));
  }

 private:
  Tensor input_, output_, weight_, bias_, mean_, inverse_deviation_;
  float ceiling_;
};

/// x * scale + shift with a scale and a shift a channel.
Variable apply_on_tape(const Variable& x, const Variable& weight, const Variable& bias, const Variable& residual, const BatchNormOptions& options,
                       const Tensor& mean, const Tensor& variance) {
  const int64_t channels = x.shape()[1];
  const Tensor inverse = Tensor::empty({channels});
  for (int64_t i = 0; i < channels; ++i) {
    inverse.data<float>()[i] = static_cast<float>(1.0 / std::sqrt(static_cast<double>(variance.data<float>()[i]) + options.epsilon));
  }
  const Variable scale = multiply(weight, Variable(inverse)), shift = subtract(bias, multiply(scale, Variable(mean)));
  const Shape each = x.shape().dims() == 4 ? Shape{1, channels, 1, 1} : Shape{1, channels};
  Variable y = add(multiply(Variable(channels_innermost(x.value()), x.node()), reshape(scale, each)), reshape(shift, each));
  if (residual.defined()) y = add(y, residual);
  if (options.ceiling == kNoRelu) return y;
  return options.ceiling == kReluCeiling ? relu(y) : clamp(y, 0.0f, options.ceiling);
}

}  // namespace

Variable batch_norm(const Variable& x, const Variable& weight, const Variable& bias, const Variable& residual,
                    const BatchNormOptions& options, const BatchStatistics& statistics) {
  check(x, weight, bias, residual);
  const Tensor input = channels_innermost(x.value()), other = residual.defined() ? channels_innermost(residual.value()) : Tensor();
  const ChannelExtent extent = channel_extent(input.shape());
  if (extent.rows() == 0) throw Error(ErrorKind::usage, "batch_norm has no statistics of an empty batch " + input.shape().text());
  Tensor output = empty_like(input), inverse_deviation = Tensor::empty({extent.channels}), mean = Tensor::empty({extent.channels});
  const Tensor scale = contiguous(weight.value()), shift = contiguous(bias.value());
  kernels_for(output.device())
      .normalisation.batch_norm_forward({extent.rows(), extent.channels, static_cast<float>(options.epsilon), options.ceiling,
                                         input.data<float>(), scale.data<float>(), shift.data<float>(),
                                         other.data<float>(), output.data<float>(), mean.data<float>(), inverse_deviation.data<float>(),
                                         statistics.unbiased_variance.data<float>()});
  copy_into(mean, statistics.mean);
  return autograd::record<BatchNormNode>(output, {&x, &weight, &bias, &residual}, input, residual.defined() ? output : Tensor(), scale, shift, mean, inverse_deviation,
                                         options.ceiling);
}

Variable batch_norm_apply(const Variable& x, const Variable& weight, const Variable& bias, const Variable& residual,
                          const BatchNormOptions& options, const Tensor& mean, const Tensor& variance) {
  check(x, weight, bias, residual);
  if (autograd::recording({&x, &weight, &bias, &residual})) return apply_on_tape(x, weight, bias, residual, options, mean, variance);
  const Tensor input = channels_innermost(x.value()), other = residual.defined() ? channels_innermost(residual.value()) : Tensor();
  const ChannelExtent extent = channel_extent(input.shape());
  Tensor output = empty_like(input);
  kernels_for(output.device())
      .normalisation.batch_norm_apply({extent.rows(), extent.channels, static_cast<float>(options.epsilon), options.ceiling, input.data<float>(),
                                       contiguous(weight.value()).data<float>(), contiguous(bias.value()).data<float>(), other.data<float>(),
                                       mean.data<float>(), variance.data<float>(), output.data<float>()});
  return Variable(output);
}

}  // namespace tessera::ops
