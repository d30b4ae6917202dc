// SPDX-License-Identifier: Apache-2.0
#include "core/ops/pooling.h"

#include <string>

#include "core/base/error.h"
#include "core/kernels/kernels.h"
#include "core/ops/checks.h"

namespace tessera::ops {
namespace {

PoolingGeometry geometry_of(const char* op, const Variable& x, const PoolingOptions& o) {
  require_dims(op, x.value(), 4, "an input [samples, channels, height, width]");
  const bool sane = o.kernel >= 1 && o.kernel <= 15 && o.stride >= 1 && o.padding >= 0 && 2 * o.padding <= o.kernel;
  if (!sane) {
    throw Error(ErrorKind::usage, std::string(op) + ": kernel " + std::to_string(o.kernel) + ", stride " + std::to_string(o.stride) +
                                      " and padding " + std::to_string(o.padding) +
                                      " do not fit: kernel 1..15, stride at least 1, padding at most half the kernel");
  }
  const Shape& s = x.shape();
  if (s[2] + 2 * o.padding < o.kernel || s[3] + 2 * o.padding < o.kernel) {
    fail_shapes(op, "the window is larger than the padded input", s, {o.kernel, o.kernel});
  }
  return {s[0], s[1], s[2], s[3], (s[2] + 2 * o.padding - o.kernel) / o.stride + 1, (s[3] + 2 * o.padding - o.kernel) / o.stride + 1,
          o.kernel, o.kernel, o.stride, o.stride, o.padding, o.padding};
}

Shape in_shape(const PoolingGeometry& g) { return {g.batch, g.channels, g.in_height, g.in_width}; }
Shape out_shape(const PoolingGeometry& g) { return {g.batch, g.channels, g.out_height, g.out_width}; }

class MaxPoolNode final : public autograd::Node {
 public:
  MaxPoolNode(const PoolingGeometry& geometry, Tensor argmax) : geometry_(geometry), argmax_(std::move(argmax)) {}

  const char* name() const override { return "max_pool2d"; }
  void backward(const Tensor& gradient) override {
    const Tensor dy = channels_last(gradient);
    Tensor dx = Tensor::empty_channels_last(in_shape(geometry_));
    kernels_for(dx.device()).pooling.max_backward({geometry_, argmax_.data<uint8_t>(), dy.data<float>(), dx.data<float>()});
    give(0, std::move(dx));
  }

 private:
  PoolingGeometry geometry_;
  Tensor argmax_;
};

class AveragePoolNode final : public autograd::Node {
 public:
  explicit AveragePoolNode(const PoolingGeometry& geometry) : geometry_(geometry) {}

  const char* name() const override { return "average_pool2d"; }
  void backward(const Tensor& gradient) override {
    const Tensor dy = gradient.shape().dims() == 4 ? channels_last(gradient) : contiguous(gradient);
    Tensor dx = Tensor::empty_channels_last(in_shape(geometry_));
    kernels_for(dx.device()).pooling.average_backward({geometry_, dy.data<float>(), dx.data<float>()});
    give(0, std::move(dx));
  }

 private:
  PoolingGeometry geometry_;
};

}  // namespace

Variable max_pool2d(const Variable& x, const PoolingOptions& options) {
  const PoolingGeometry geometry = geometry_of("max_pool2d", x, options);
  const Tensor input = channels_last(x.value());
  Tensor output = Tensor::empty_channels_last(out_shape(geometry));
  Tensor argmax = Tensor::empty_channels_last(out_shape(geometry), DType::u8);
  kernels_for(output.device()).pooling.max_forward({geometry, input.data<float>(), output.data<float>(), argmax.data<uint8_t>()});
  return autograd::record<MaxPoolNode>(output, {&x}, geometry, argmax);
}

Variable average_pool2d(const Variable& x, const PoolingOptions& options) {
  const PoolingGeometry geometry = geometry_of("average_pool2d", x, options);
  const Tensor input = channels_last(x.value());
  Tensor output = Tensor::empty_channels_last(out_shape(geometry));
  kernels_for(output.device()).pooling.average_forward({geometry, input.data<float>(), output.data<float>()});
  return autograd::record<AveragePoolNode>(output, {&x}, geometry);
}

Variable global_average_pool2d(const Variable& x) {
  require_dims("global_average_pool2d", x.value(), 4, "an input [samples, channels, height, width]");
  const Shape& s = x.shape();
  const PoolingGeometry geometry{s[0], s[1], s[2], s[3], 1, 1, s[2], s[3], 1, 1, 0, 0};
  const Tensor input = channels_last(x.value());
  Tensor output = Tensor::empty({s[0], s[1]});  // one pixel: the same bytes as [N, C, 1, 1]
  kernels_for(output.device()).pooling.average_forward({geometry, input.data<float>(), output.data<float>()});
  return autograd::record<AveragePoolNode>(output, {&x}, geometry);
}

}  // namespace tessera::ops
