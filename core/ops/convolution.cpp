// SPDX-License-Identifier: Apache-2.0
#include "core/ops/convolution.h"

#include <string>

#include "core/base/error.h"
#include "core/kernels/kernels.h"
#include "core/ops/checks.h"

namespace tessera::ops {
namespace {

/// Extent of a dilated kernel.
int64_t extent(int64_t kernel, const ConvolutionOptions& options) { return options.dilation * (kernel - 1) + 1; }

ConvolutionGeometry geometry_of(const Shape& x, const Shape& weight, const ConvolutionOptions& options) {
  ConvolutionGeometry g{};
  g.batch = x[0], g.in_channels = x[1], g.in_height = x[2], g.in_width = x[3];
  g.out_channels = weight[0], g.kernel_height = weight[2], g.kernel_width = weight[3];
  g.stride_height = g.stride_width = options.stride;
  g.padding_height = g.padding_width = options.padding;
  g.dilation_height = g.dilation_width = options.dilation;
  g.groups = options.groups;
  g.out_height = (g.in_height + 2 * options.padding - extent(g.kernel_height, options)) / options.stride + 1;
  g.out_width = (g.in_width + 2 * options.padding - extent(g.kernel_width, options)) / options.stride + 1;
  return g;
}

void check_options(const ConvolutionOptions& options, const Shape& weight) {
  const auto fail = [](const std::string& what) { throw Error(ErrorKind::usage, "conv2d: " + what); };
  if (options.stride < 1) fail("stride must be at least 1, not " + std::to_string(options.stride));
  if (options.padding < 0) fail("padding must not be negative, but is " + std::to_string(options.padding));
  if (options.dilation < 1) fail("dilation must be at least 1, not " + std::to_string(options.dilation));
  if (options.groups < 1 || weight[0] % options.groups != 0) {
    fail(std::to_string(options.groups) + " groups do not divide the output channels of the weight " + weight.text());
  }
}

void check(const Variable& x, const Variable& weight, const Variable& bias, const ConvolutionOptions& options) {
  require_dims("conv2d", x.value(), 4, "an input [samples, channels, height, width]");
  require_dims("conv2d", weight.value(), 4, "a weight [out, in / groups, height, width]");
  check_options(options, weight.shape());
  if (x.shape()[1] != weight.shape()[1] * options.groups) {
    fail_shapes("conv2d", "input channels and weight do not fit in " + std::to_string(options.groups) + " group(s)", x.shape(), weight.shape());
  }
  const int64_t pad = 2 * options.padding;
  if (x.shape()[2] + pad < extent(weight.shape()[2], options) || x.shape()[3] + pad < extent(weight.shape()[3], options)) {
    fail_shapes("conv2d", "the kernel is larger than the padded input", x.shape(), weight.shape());
  }
  if (bias.defined() && bias.shape() != Shape{weight.shape()[0]}) fail_shapes("conv2d", "bias and weight do not fit", bias.shape(), weight.shape());
}

class ConvolutionNode final : public autograd::Node {
 public:
  ConvolutionNode(const ConvolutionGeometry& geometry, Tensor input, Tensor weight, std::shared_ptr<PackedWeight> packed)
      : geometry_(geometry), input_(std::move(input)), weight_(std::move(weight)), packed_(std::move(packed)) {}

  const char* name() const override { return "conv2d"; }

  void backward(const Tensor& gradient) override {
    const Tensor dy = channels_last(gradient);
    const ConvolutionKernels& kernels = kernels_for(dy.device()).convolution;
    if (wants(1) || wants(2)) {
      Tensor dweight = wants(1) ? target(1, weight_.shape()) : Tensor::empty(weight_.shape());
      Tensor dbias = wants(2) ? target(2, {weight_.shape()[0]}) : Tensor();
      kernels.backward_weight({geometry_, input_.data<float>(), dy.data<float>(), dweight.data<float>(), dbias.data<float>()});
      if (wants(2)) give(2, std::move(dbias));
      if (wants(1)) give(1, std::move(dweight));
    }
    if (wants(0)) {
      Tensor dx = target(0, input_.shape(), true);
      kernels.backward_data({geometry_, dy.data<float>(), weight_.data<float>(), dx.data<float>(), packed_.get(), weight_.storage()->version()});
      give(0, std::move(dx));
    }
  }

 private:
  ConvolutionGeometry geometry_;
  Tensor input_, weight_;
  std::shared_ptr<PackedWeight> packed_;
};

}  // namespace

Variable conv2d(const Variable& x, const Variable& weight, const Variable& bias, const ConvolutionOptions& options,
                const std::shared_ptr<PackedWeight>& packed) {
  check(x, weight, bias, options);
  const ConvolutionGeometry geometry = geometry_of(x.shape(), weight.shape(), options);
  const Tensor input = channels_last(x.value()), kernel = contiguous(weight.value());
  Tensor output = Tensor::empty_channels_last({geometry.batch, geometry.out_channels, geometry.out_height, geometry.out_width});
  if (output.elements() > 0) {
    kernels_for(output.device())
        .convolution.forward({geometry, input.data<float>(), kernel.data<float>(), bias.defined() ? bias.value().data<float>() : nullptr,
                              output.data<float>(), packed.get(), kernel.storage()->version()});
  }
  return autograd::record<ConvolutionNode>(output, {&x, &weight, &bias}, geometry, input, kernel, packed);
}

}  // namespace tessera::ops
