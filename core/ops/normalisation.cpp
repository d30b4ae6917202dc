// SPDX-License-Identifier: Apache-2.0
#include "core/ops/normalisation.h"

#include <cmath>
#include <vector>

#include "core/base/error.h"
#include "core/kernels/kernels.h"
#include "core/ops/activation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/channel_sums.h"
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

/// What backward needs of a call.
struct BatchNormSaved {
  Tensor input;
  Tensor output;  ///< only where there is a residual
  Tensor weight, bias, mean, inverse_deviation;
  float ceiling;
};

/// Of the input, when the sums over the batch are there.
class BatchNormGradient final : public autograd::DeferredGradient {
 public:
  /// `dy`: before ReLU where `ceiling` is kNoRelu.
  BatchNormGradient(BatchNormSaved saved, float ceiling, Tensor dy, Tensor dweight, Tensor dbias)
      : saved_(std::move(saved)), ceiling_(ceiling), dy_(std::move(dy)), dweight_(std::move(dweight)), dbias_(std::move(dbias)) {}

  Tensor whole(const Tensor& received) const override {
    const bool in_order = !received.defined() || pixel_step(received);
    const Tensor before = in_order ? received : channels_innermost(received);
    Tensor dx = empty_like(saved_.input);
    run(saved_.input.data<float>(), dy_.data<float>(), before.data<float>(), before.defined() ? *pixel_step(before) : 0, dx);
    return dx;
  }

  void part(int64_t first, const Tensor& to) const override {
    const ProfileScope scope(Phase::backward, "batch_norm");
    const int64_t offset = first * (to.shape()[0] > 0 ? to.elements() / to.shape()[0] : 0);
    run(saved_.input.data<float>() + offset, dy_.data<float>() + offset, nullptr, 0, to);
  }

 private:
  void run(const float* x, const float* dy, const float* received, int64_t received_step, const Tensor& dx) const {
    const ChannelExtent extent = channel_extent(dx.shape());
    kernels_for(dx.device())
        .normalisation.batch_norm_input_gradient({extent.rows(), channel_extent(saved_.input.shape()).rows(), extent.channels, ceiling_, x, dy, saved_.weight.data<float>(),
                                                  saved_.bias.data<float>(), saved_.mean.data<float>(), saved_.inverse_deviation.data<float>(), dweight_.data<float>(),
                                                  dbias_.data<float>(), received, received_step, dx.data<float>()});
  }

  BatchNormSaved saved_;
  float ceiling_;
  Tensor dy_, dweight_, dbias_;
};

class BatchNormNode final : public autograd::Node {
 public:
  explicit BatchNormNode(BatchNormSaved saved) : saved_(std::move(saved)) {}

  const char* name() const override { return "batch_norm"; }

  void look_at(const Tensor& gradient, int64_t elements) override {
    if (!gradient.is_channels_last()) return;
    const ProfileScope scope(Phase::backward, name());
    if (!is_summed(gradient)) start(gradient, gradient);
    sum_until(rows_to_sum(gradient, elements));
  }

  void backward(const Tensor& gradient) override {
    const Tensor dy = channels_innermost(gradient);
    if (!is_summed(dy)) start(dy, masks() ? empty_like(saved_.input) : Tensor());
    sum_until(channel_extent(saved_.input.shape()).rows());
    // Not in the parameters' own places, which others write to as soon as they are given.
    const Tensor dweight = Tensor::empty(saved_.weight.shape()), dbias = Tensor::empty(saved_.weight.shape());
    finish(dweight.data<float>(), dbias.data<float>());
    const Tensor before_relu = before_relu_.defined() ? before_relu_ : dy;
    if (wants(2)) give(2, dbias);
    if (wants(1)) give(1, dweight);
    if (wants(3)) give(3, before_relu);
    saved_.output = Tensor();  // ReLU's mask is in the sums' gradient now
    if (wants(0)) give_deferred(0, std::make_shared<BatchNormGradient>(saved_, before_relu_.defined() ? kNoRelu : saved_.ceiling, before_relu, dweight, dbias));
    dy_ = before_relu_ = Tensor();
  }

 private:
  bool is_summed(const Tensor& dy) const { return dy_.defined() && dy_.bytes() == dy.bytes(); }

  /// With a residual ReLU's mask is the result's: the pass that sums leaves the gradient before it for all that follows.
  bool masks() const { return saved_.output.defined() && saved_.ceiling != kNoRelu; }

  /// `masked`: where that gradient goes; dy's own place will do.
  void start(const Tensor& dy, const Tensor& masked) {
    dy_ = dy;
    before_relu_ = masks() ? masked : Tensor();
    summed_rows_ = 0;
    sums_.assign(2 * static_cast<size_t>(saved_.input.shape()[1]), 0.0);
  }

  void sum_until(int64_t rows) {
    kernels_for(dy_.device())
        .normalisation.batch_norm_gradient_sums({summed_rows_, rows, saved_.input.shape()[1], saved_.ceiling, saved_.input.data<float>(), saved_.output.data<float>(),
                                                 dy_.data<float>(), saved_.weight.data<float>(), saved_.bias.data<float>(), saved_.mean.data<float>(),
                                                 saved_.inverse_deviation.data<float>(), before_relu_.data<float>(), sums_.data()});
    summed_rows_ = rows;
  }

  void finish(float* dweight, float* dbias) const {
    const size_t channels = sums_.size() / 2;
    for (size_t c = 0; c < channels; ++c) {
      dbias[c] = static_cast<float>(sums_[c]);
      dweight[c] = static_cast<float>(sums_[channels + c] * static_cast<double>(saved_.inverse_deviation.data<float>()[c]));
    }
  }

  BatchNormSaved saved_;
  // Of a gradient, which may come in parts: what is known of its first rows.
  Tensor dy_, before_relu_;
  int64_t summed_rows_ = 0;
  std::vector<double> sums_;  // [2, channels]
};

/// Of x: those that the op that made it has taken already, or `own`, to be taken now.
const ChannelSums& sums_of(const Variable& x, const Tensor& input, ChannelSums& own) {
  const auto* maker = dynamic_cast<const ChannelSummed*>(x.node().get());
  if (maker && maker->channel_sums().data()) return maker->channel_sums();
  own.take(input, input.elements());
  return own;
}

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
  ChannelSums own;
  kernels_for(output.device())
      .normalisation.batch_norm_forward({extent.rows(), extent.channels, static_cast<float>(options.epsilon), options.ceiling,
                                         input.data<float>(), scale.data<float>(), shift.data<float>(),
                                         other.data<float>(), sums_of(x, input, own).data(), output.data<float>(), mean.data<float>(), inverse_deviation.data<float>(),
                                         statistics.unbiased_variance.data<float>()});
  copy_into(mean, statistics.mean);
  return autograd::record<BatchNormNode>(output, {&x, &weight, &bias, &residual},
                                         BatchNormSaved{input, residual.defined() ? output : Tensor(), scale, shift, mean, inverse_deviation, options.ceiling});
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
