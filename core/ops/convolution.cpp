// SPDX-License-Identifier: Apache-2.0
#include "core/ops/convolution.h"

#include <algorithm>
#include <string>

#include "core/kernels/kernels.h"
#include "core/ops/channel_sums.h"
#include "core/ops/checks.h"

namespace tessera::ops {
namespace {

/// Pixels that a dilated kernel spans.
int64_t extent(int64_t kernel, int64_t dilation) { return dilation * (kernel - 1) + 1; }

/// What conv2d and its transpose share; batch, channels and the sizes of the images are left at 0.
template <typename Options>
ConvolutionGeometry window_of(const Shape& weight, const Options& options) {
  ConvolutionGeometry g{};
  g.kernel_height = weight[2], g.kernel_width = weight[3];
  g.stride_height = options.stride.height, g.stride_width = options.stride.width;
  g.padding_height = options.padding.height, g.padding_width = options.padding.width;
  g.dilation_height = options.dilation.height, g.dilation_width = options.dilation.width;
  g.groups = options.groups;
  return g;
}

/// Zeros before the image; those behind it follow from the number of results.
int64_t same_padding(int64_t in, int64_t out, int64_t stride, int64_t window) { return std::max<int64_t>(0, (out - 1) * stride + window - in) / 2; }

ConvolutionGeometry geometry_of(const Shape& x, const Shape& weight, const ConvolutionOptions& options) {
  ConvolutionGeometry g = window_of(weight, options);
  g.batch = x[0], g.in_channels = x[1], g.in_height = x[2], g.in_width = x[3];
  g.out_channels = weight[0];
  if (options.same) {
    g.out_height = (g.in_height + g.stride_height - 1) / g.stride_height;
    g.out_width = (g.in_width + g.stride_width - 1) / g.stride_width;
    g.padding_height = same_padding(g.in_height, g.out_height, g.stride_height, extent(g.kernel_height, g.dilation_height));
    g.padding_width = same_padding(g.in_width, g.out_width, g.stride_width, extent(g.kernel_width, g.dilation_width));
    return g;
  }
  g.out_height = (g.in_height + 2 * g.padding_height - extent(g.kernel_height, g.dilation_height)) / g.stride_height + 1;
  g.out_width = (g.in_width + 2 * g.padding_width - extent(g.kernel_width, g.dilation_width)) / g.stride_width + 1;
  return g;
}

/// Of the convolution whose gradient the op is: its input is the result.
ConvolutionGeometry geometry_of(const Shape& x, const Shape& weight, const ConvolutionTransposeOptions& options) {
  ConvolutionGeometry g = window_of(weight, options);
  g.batch = x[0], g.out_channels = x[1], g.out_height = x[2], g.out_width = x[3];
  g.in_channels = weight[1] * options.groups;
  g.in_height = (g.out_height - 1) * g.stride_height - 2 * g.padding_height + extent(g.kernel_height, g.dilation_height) + options.output_padding.height;
  g.in_width = (g.out_width - 1) * g.stride_width - 2 * g.padding_width + extent(g.kernel_width, g.dilation_width) + options.output_padding.width;
  return g;
}

/// `divided`: the channels of the weight's first dim, which the groups share.
template <typename Options>
void check_options(const char* op, const Options& options, const Shape& x, const Shape& weight, const char* divided) {
  const std::string shapes = ": input " + x.text() + ", weight " + weight.text();
  if (!options.stride.both_at_least(1)) fail(op, "stride must be at least 1, not " + options.stride.text() + shapes);
  if (!options.padding.both_at_least(0)) fail(op, "padding must not be negative, but is " + options.padding.text() + shapes);
  if (!options.dilation.both_at_least(1)) fail(op, "dilation must be at least 1, not " + options.dilation.text() + shapes);
  if (weight[0] < 1 || weight[1] < 1 || weight[2] < 1 || weight[3] < 1) fail(op, "the weight is empty" + shapes);
  if (options.groups < 1 || weight[0] % options.groups != 0) {
    fail(op, std::to_string(options.groups) + " groups do not divide the " + divided + " channels" + shapes);
  }
}

void check(const Variable& x, const Variable& weight, const Variable& bias, const ConvolutionOptions& options) {
  require_dims("conv2d", x.value(), 4, "an input [samples, channels, height, width]");
  require_dims("conv2d", weight.value(), 4, "a weight [out, in / groups, height, width]");
  check_options("conv2d", options, x.shape(), weight.shape(), "output");
  if (x.shape()[1] != weight.shape()[1] * options.groups) {
    fail_shapes("conv2d", "input channels and weight do not fit in " + std::to_string(options.groups) + " group(s)", x.shape(), weight.shape());
  }
  if (x.shape()[2] < 1 || x.shape()[3] < 1) fail_shapes("conv2d", "the input has no pixels", x.shape(), weight.shape());
  if (!options.same && (x.shape()[2] + 2 * options.padding.height < extent(weight.shape()[2], options.dilation.height) ||
                        x.shape()[3] + 2 * options.padding.width < extent(weight.shape()[3], options.dilation.width))) {
    fail_shapes("conv2d", "the kernel is larger than the padded input", x.shape(), weight.shape());
  }
  if (bias.defined() && bias.shape() != Shape{weight.shape()[0]}) fail_shapes("conv2d", "bias and weight do not fit", bias.shape(), weight.shape());
}

void check(const Variable& x, const Variable& weight, const Variable& bias, const ConvolutionTransposeOptions& options) {
  constexpr const char* kOp = "conv_transpose2d";
  require_dims(kOp, x.value(), 4, "an input [samples, channels, height, width]");
  require_dims(kOp, weight.value(), 4, "a weight [in, out / groups, height, width]");
  check_options(kOp, options, x.shape(), weight.shape(), "input");
  const Size2d& extra = options.output_padding;
  const bool fits = extra.height < std::max(options.stride.height, options.dilation.height) && extra.width < std::max(options.stride.width, options.dilation.width);
  if (!extra.both_at_least(0) || !fits) {
    fail(kOp, "output padding " + extra.text() + " must be less than stride " + options.stride.text() + " or dilation " + options.dilation.text() + ": input " +
                  x.shape().text() + ", weight " + weight.shape().text());
  }
  if (x.shape()[1] != weight.shape()[0]) fail_shapes(kOp, "input channels and weight do not fit", x.shape(), weight.shape());
  const ConvolutionGeometry result = geometry_of(x.shape(), weight.shape(), options);
  if (x.shape()[2] < 1 || x.shape()[3] < 1 || result.in_height < 1 || result.in_width < 1) fail_shapes(kOp, "the result is empty", x.shape(), weight.shape());
  if (bias.defined() && bias.shape() != Shape{result.in_channels}) fail_shapes(kOp, "bias and weight do not fit", bias.shape(), weight.shape());
}

/// The gradient of a bias [channels]: dy, channels-last, summed over all pixels of all samples.
void sum_pixels(int64_t pixels, const Tensor& dy, const Tensor& dbias) {
  kernels_for(dy.device()).reduction.sum({1, 1, 1, pixels, dbias.elements(), 1.0, dy.data<float>(), dbias.data<float>()});
}

void add_to(const Tensor& sum, const Tensor& terms) {
  kernels_for(sum.device()).elementwise.add({sum.elements(), sum.data<float>(), terms.data<float>(), sum.data<float>()});
}

/// Gradients are computed some images at a time, all of them, so that the output's gradient is near: then it need not be there before.
class ConvolutionNode final : public autograd::Node, public ChannelSummed {
 public:
  ConvolutionNode(const ConvolutionGeometry& geometry, Tensor input, Tensor weight, std::shared_ptr<PackedWeight> packed, Precision precision, ChannelSums sums)
      : geometry_(geometry), input_(std::move(input)), weight_(std::move(weight)), packed_(std::move(packed)), precision_(precision), sums_(std::move(sums)) {}

  const char* name() const override { return "conv2d"; }
  const ChannelSums& channel_sums() const override { return sums_; }
  bool takes_deferred() const override { return geometry_.batch > 0; }

  void backward(const Tensor& gradient) override {
    const Tensor dy = channels_last(gradient);
    run([&](int64_t first, int64_t count) { return dy.narrow(0, first, count); });
  }

  void backward_deferred(const autograd::DeferredGradient& gradient) override {
    const Tensor room = Tensor::empty_channels_last({images_at_once(), geometry_.out_channels, geometry_.out_height, geometry_.out_width});
    run([&](int64_t first, int64_t count) {
      const Tensor dy = room.narrow(0, 0, count);
      gradient.part(first, dy);
      return dy;
    });
  }

 private:
  struct Gradients {
    Tensor dx, dweight, dbias;  ///< undefined: not wanted
    Tensor received;            ///< what is added to dx; undefined: nothing
    Tensor room;                ///< of a part of dx, which is added to what was received, in its place; undefined: not so
  };

  int64_t images_at_once() const { return kernels_for(input_.device()).convolution.images_at_once(geometry_); }

  /// dy_of(first image, count): their gradient, channels-last.
  template <typename GradientOf>
  void run(GradientOf dy_of) {
    Gradients all;
    if (wants(2)) all.dbias = target(2, {weight_.shape()[0]});
    if (wants(1)) all.dweight = target(1, weight_.shape());
    if (wants(0)) begin_input_gradient(all);
    if (geometry_.batch == 0) {
      for (const Tensor& each : {all.dbias, all.dweight}) {
        if (each.defined()) fill_zero(each);
      }
    }
    for (int64_t first = 0, count; first < geometry_.batch; first += count) {
      count = std::min(images_at_once(), geometry_.batch - first);
      const Tensor exact = dy_of(first, count), dy = rounded(exact, precision_);
      add_parameter_gradients(first, exact, dy, all);
      if (first + count == geometry_.batch) give_parameters(all);  // before the input's: what is ready can be sent
      if (wants(0)) input_gradient(first, dy, all);
    }
    if (geometry_.batch == 0) give_parameters(all);
    if (wants(0)) give(0, std::move(all.dx));
  }

  ConvolutionGeometry part_of(const Tensor& dy) const {
    ConvolutionGeometry part = geometry_;
    part.batch = dy.shape()[0];
    return part;
  }

  void give_parameters(Gradients& all) {
    if (wants(2)) give(2, std::move(all.dbias));
    if (wants(1)) give(1, std::move(all.dweight));
  }

  void begin_input_gradient(Gradients& all) const {
    all.received = received(0);
    if (all.received.defined()) all.received = channels_last(all.received);
    const bool ours = all.received.defined() && all.received.storage().use_count() == 1;
    if (ours) all.room = Tensor::empty_channels_last({images_at_once(), geometry_.in_channels, geometry_.in_height, geometry_.in_width});
    all.dx = ours ? all.received : target(0, input_.shape(), true);
  }

  /// Of the images from number `first` on, whose gradient is `dy`, and `exact` before it was rounded.
  void add_parameter_gradients(int64_t first, const Tensor& exact, const Tensor& dy, const Gradients& all) const {
    if (first == 0) return parameter_gradients(first, exact, dy, all.dweight, all.dbias);
    const auto like = [](const Tensor& sum) { return sum.defined() ? Tensor::empty(sum.shape()) : Tensor(); };
    const Tensor dweight = like(all.dweight), dbias = like(all.dbias);
    parameter_gradients(first, exact, dy, dweight, dbias);
    if (dweight.defined()) add_to(all.dweight, dweight);
    if (dbias.defined()) add_to(all.dbias, dbias);
  }

  void input_gradient(int64_t first, const Tensor& dy, const Gradients& all) const {
    const ConvolutionGeometry part = part_of(dy);
    const Tensor dx = all.dx.narrow(0, first, part.batch), product = all.room.defined() ? all.room.narrow(0, 0, part.batch) : dx;
    kernels_for(dy.device()).convolution.backward_data({part, dy.data<float>(), weight_.data<float>(), product.data<float>(), packed_.get(), weight_.storage()->version()});
    if (all.room.defined()) add_to(dx, product);
    else if (all.received.defined()) add_to(dx, all.received.narrow(0, first, part.batch));
    show(0, all.dx, all.dx.elements() / geometry_.batch * (first + part.batch));
  }

  void parameter_gradients(int64_t first, const Tensor& exact, const Tensor& dy, const Tensor& dweight, const Tensor& dbias) const {
    const ConvolutionGeometry part = part_of(dy);
    const bool together = dweight.defined() && precision_ == Precision::f32;  // a bias takes the gradient as it is
    if (dbias.defined() && !together) sum_pixels(part.batch * part.out_height * part.out_width, exact, dbias);
    if (!dweight.defined()) return;
    const Tensor x = input_.narrow(0, first, part.batch);
    kernels_for(dy.device()).convolution.backward_weight({part, x.data<float>(), dy.data<float>(), dweight.data<float>(), together ? dbias.data<float>() : nullptr});
  }

  ConvolutionGeometry geometry_;
  Tensor input_, weight_;  // as they were multiplied
  std::shared_ptr<PackedWeight> packed_;
  Precision precision_;
  ChannelSums sums_;
};

class ConvolutionTransposeNode final : public autograd::Node {
 public:
  ConvolutionTransposeNode(const ConvolutionGeometry& geometry, Tensor input, Tensor weight, std::shared_ptr<PackedWeight> packed, Precision precision)
      : geometry_(geometry), input_(std::move(input)), weight_(std::move(weight)), packed_(std::move(packed)), precision_(precision) {}

  const char* name() const override { return "conv_transpose2d"; }

  void backward(const Tensor& gradient) override {
    const Tensor exact = channels_last(gradient), dy = rounded(exact, precision_);
    const Kernels& kernels = kernels_for(dy.device());
    if (wants(2)) {
      Tensor dbias = target(2, {geometry_.in_channels});
      sum_pixels(geometry_.batch * geometry_.in_height * geometry_.in_width, exact, dbias);
      give(2, std::move(dbias));
    }
    if (wants(1)) {
      Tensor dweight = target(1, weight_.shape());
      if (geometry_.batch > 0) {
        kernels.convolution.backward_weight({geometry_, dy.data<float>(), input_.data<float>(), dweight.data<float>(), nullptr});
      } else {
        fill_zero(dweight);
      }
      give(1, std::move(dweight));
    }
    if (wants(0)) {
      Tensor dx = target(0, input_.shape(), true);
      if (geometry_.batch > 0) {
        kernels.convolution.forward({geometry_, dy.data<float>(), weight_.data<float>(), nullptr, dx.data<float>(), packed_.get(), weight_.storage()->version()});
      }
      give(0, std::move(dx));
    }
  }

 private:
  ConvolutionGeometry geometry_;
  Tensor input_, weight_;  // as they were multiplied
  std::shared_ptr<PackedWeight> packed_;
  Precision precision_;
};

/// A convolution without a bias has a batch norm behind it: its result is made some images at a time, and each part's sums are taken while it is near.
ChannelSums convolve(const ConvolutionForward& whole, const Tensor& output, bool with_sums) {
  const ConvolutionKernels& kernels = kernels_for(output.device()).convolution;
  const ConvolutionGeometry& g = whole.geometry;
  const int64_t at_once = whole.bias ? g.batch : kernels.images_at_once(g), image = output.elements() / g.batch;
  ChannelSums sums;
  for (int64_t first = 0, count; first < g.batch; first += count) {
    ConvolutionForward part = whole;
    part.geometry.batch = count = std::min(at_once, g.batch - first);
    part.x += first * g.in_channels * g.in_height * g.in_width;
    part.y += first * image;
    kernels.forward(part);
    if (with_sums) sums.take(output, (first + count) * image);
  }
  return sums;
}

}  // namespace

Variable conv2d(const Variable& x, const Variable& weight, const Variable& bias, const ConvolutionOptions& options,
                const std::shared_ptr<PackedWeight>& packed, Precision precision) {
  check(x, weight, bias, options);
  const ConvolutionGeometry geometry = geometry_of(x.shape(), weight.shape(), options);
  const Tensor input = rounded(channels_last(x.value()), precision), kernel = contiguous(weight.value());
  const Tensor offsets = bias.defined() ? contiguous(bias.value()) : Tensor();
  Tensor output = Tensor::empty_channels_last({geometry.batch, geometry.out_channels, geometry.out_height, geometry.out_width});
  ChannelSums sums;
  if (output.elements() > 0) {
    sums = convolve({geometry, input.data<float>(), kernel.data<float>(), offsets.data<float>(), output.data<float>(), packed.get(), kernel.storage()->version()},
                    output, !bias.defined() && autograd::recording({&x, &weight}));
  }
  return autograd::record<ConvolutionNode>(output, {&x, &weight, &bias}, geometry, input, kernel, packed, precision, std::move(sums));
}

Variable conv_transpose2d(const Variable& x, const Variable& weight, const Variable& bias, const ConvolutionTransposeOptions& options,
                          const std::shared_ptr<PackedWeight>& packed, Precision precision) {
  check(x, weight, bias, options);
  const ConvolutionGeometry g = geometry_of(x.shape(), weight.shape(), options);
  const Tensor input = rounded(channels_last(x.value()), precision), kernel = contiguous(weight.value());
  Tensor output = Tensor::empty_channels_last({g.batch, g.in_channels, g.in_height, g.in_width});
  if (g.batch > 0) {
    const Kernels& kernels = kernels_for(output.device());
    kernels.convolution.backward_data({g, input.data<float>(), kernel.data<float>(), output.data<float>(), packed.get(), kernel.storage()->version()});
    if (bias.defined()) {
      kernels.matmul.add_bias(g.batch * g.in_height * g.in_width, g.in_channels, contiguous(bias.value()).data<float>(), output.data<float>());
    }
  }
  return autograd::record<ConvolutionTransposeNode>(output, {&x, &weight, &bias}, g, input, kernel, packed, precision);
}

}  // namespace tessera::ops
