// SPDX-License-Identifier: Apache-2.0
#include "core/ops/shape.h"

#include <string>

#include "core/base/error.h"
#include "core/ops/checks.h"

namespace tessera::ops {
namespace {

class FlattenNode final : public autograd::Node {
 public:
  explicit FlattenNode(const Shape& shape) : shape_(shape) {}

  const char* name() const override { return "flatten"; }
  void backward(const Tensor& gradient) override { give(0, contiguous(gradient).reshape(shape_)); }

 private:
  Shape shape_;
};

/// The view of `tensor` that holds every stride-th pixel.
Tensor subsampled(const Tensor& tensor, int64_t stride) { return tensor.every(2, stride).every(3, stride); }

class SubsampleAndPadNode final : public autograd::Node {
 public:
  SubsampleAndPadNode(const Shape& shape, int64_t stride, int64_t first_channel) : shape_(shape), stride_(stride), first_channel_(first_channel) {}

  const char* name() const override { return "subsample_and_pad"; }
  void backward(const Tensor& gradient) override {
    Tensor dx = Tensor::empty_channels_last(shape_);
    fill_zero(dx);
    copy_into(gradient.narrow(1, first_channel_, shape_[1]), subsampled(dx, stride_));
    give(0, std::move(dx));
  }

 private:
  Shape shape_;
  int64_t stride_, first_channel_;
};

}  // namespace

Variable subsample_and_pad(const Variable& x, int64_t stride, int64_t channels) {
  require_dims("subsample_and_pad", x.value(), 4, "an input [samples, channels, height, width]");
  const Shape& shape = x.shape();
  if (stride < 1 || channels < shape[1]) {
    throw Error(ErrorKind::usage, "subsample_and_pad: stride " + std::to_string(stride) + " and " + std::to_string(channels) + " channels do not fit the input " + shape.text());
  }
  const Tensor pixels = subsampled(x.value(), stride);
  const int64_t first_channel = (channels - shape[1]) / 2;
  Tensor output = Tensor::empty_channels_last({shape[0], channels, pixels.shape()[2], pixels.shape()[3]});
  fill_zero(output);
  copy_into(pixels, output.narrow(1, first_channel, shape[1]));
  return autograd::record<SubsampleAndPadNode>(output, {&x}, shape, stride, first_channel);
}

Variable flatten(const Variable& x) {
  const Shape& shape = x.shape();
  if (shape.dims() == 0) throw Error(ErrorKind::usage, "flatten needs at least one dim");
  if (shape.dims() == 2) return x;
  int64_t features = 1;
  for (size_t dim = 1; dim < shape.dims(); ++dim) features *= shape[dim];
  return autograd::record<FlattenNode>(contiguous(x.value()).reshape({shape[0], features}), {&x}, shape);
}

}  // namespace tessera::ops
