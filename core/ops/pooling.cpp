// SPDX-License-Identifier: Apache-2.0
#include "core/ops/pooling.h"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "core/kernels/kernels.h"
#include "core/ops/checks.h"

namespace tessera::ops {
namespace {

constexpr int64_t kSmallWindow = 256;  ///< pixels of a window whose places fit a byte

/// Windows along one dim.
struct Windows {
  int64_t in, kernel, stride, padding, dilation;

  int64_t extent() const { return dilation * (kernel - 1) + 1; }
  int64_t count(bool ceil_mode) const {
    const int64_t room = in + 2 * padding - extent();
    if (!ceil_mode) return room / stride + 1;
    const int64_t all = (room + stride - 1) / stride + 1;
    return (all - 1) * stride >= in + padding ? all - 1 : all;
  }
  PoolingBin bin(int64_t index) const {
    const int64_t origin = index * stride - padding;
    const int64_t outside = origin < 0 ? (-origin + dilation - 1) / dilation : 0;
    return {origin + outside * dilation, std::min(in, origin + extent()), dilation};
  }
};

Windows rows_of(const Shape& x, const PoolingOptions& o) { return {x[2], o.kernel.height, o.stride.height, o.padding.height, o.dilation.height}; }
Windows columns_of(const Shape& x, const PoolingOptions& o) { return {x[3], o.kernel.width, o.stride.width, o.padding.width, o.dilation.width}; }

void check_image(const char* op, const Variable& x) {
  require_dims(op, x.value(), 4, "an input [samples, channels, height, width]");
  const Shape& s = x.shape();
  if (s[2] < 1 || s[3] < 1) fail(op, "there are no pixels in the input " + s.text());
  if (s[2] * s[3] > std::numeric_limits<int32_t>::max()) fail(op, "the images are too large: input " + s.text());
}

PoolingGeometry geometry_of(const char* op, const Variable& x, const PoolingOptions& o) {
  check_image(op, x);
  const Shape& s = x.shape();
  const bool sane = o.kernel.both_at_least(1) && o.stride.both_at_least(1) && o.padding.both_at_least(0) && o.dilation.both_at_least(1) &&
                    2 * o.padding.height <= o.kernel.height && 2 * o.padding.width <= o.kernel.width;
  if (!sane) {
    fail(op, "kernel " + o.kernel.text() + ", stride " + o.stride.text() + ", padding " + o.padding.text() + " and dilation " + o.dilation.text() +
                 " do not fit: all but the padding are at least 1, and that is at most half the kernel: input " + s.text());
  }
  const Windows rows = rows_of(s, o), columns = columns_of(s, o);
  if (s[2] + 2 * o.padding.height < rows.extent() || s[3] + 2 * o.padding.width < columns.extent()) {
    fail_shapes(op, "the window is larger than the padded input", s, {rows.extent(), columns.extent()});
  }
  return {s[0],           s[1],          s[2],           s[3],          rows.count(o.ceil_mode), columns.count(o.ceil_mode), o.kernel.height,
          o.kernel.width, o.stride.height, o.stride.width, o.padding.height, o.padding.width};
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
  AveragePoolNode(const PoolingGeometry& geometry, bool padding_counts) : geometry_(geometry), padding_counts_(padding_counts) {}

  const char* name() const override { return "average_pool2d"; }
  void backward(const Tensor& gradient) override {
    const Tensor dy = gradient.shape().dims() == 4 ? channels_last(gradient) : contiguous(gradient);
    Tensor dx = Tensor::empty_channels_last(in_shape(geometry_));
    kernels_for(dx.device()).pooling.average_backward({geometry_, padding_counts_, dy.data<float>(), dx.data<float>()});
    give(0, std::move(dx));
  }

 private:
  PoolingGeometry geometry_;
  bool padding_counts_;
};

/// Bins of an image's rows and columns.
struct Bins {
  Shape in;
  std::vector<PoolingBin> rows, columns;

  PoolingBins view() const {
    return {in[0], in[1], in[2], in[3], static_cast<int64_t>(rows.size()), static_cast<int64_t>(columns.size()), rows.data(), columns.data()};
  }
  Shape out() const { return {in[0], in[1], static_cast<int64_t>(rows.size()), static_cast<int64_t>(columns.size())}; }
};

std::vector<PoolingBin> bins_of(const char* op, const Shape& x, const Windows& windows, bool ceil_mode) {
  std::vector<PoolingBin> bins;
  for (int64_t i = 0; i < windows.count(ceil_mode); ++i) {
    bins.push_back(windows.bin(i));
    if (bins.back().begin >= bins.back().end) {
      fail(op, "a window of dilation " + std::to_string(windows.dilation) + " and padding " + std::to_string(windows.padding) + " holds no pixel of the input " + x.text());
    }
  }
  return bins;
}

std::vector<PoolingBin> adaptive_bins(int64_t in, int64_t out) {
  std::vector<PoolingBin> bins;
  for (int64_t i = 0; i < out; ++i) bins.push_back({i * in / out, ((i + 1) * in + out - 1) / out, 1});
  return bins;
}

Bins adaptive(const char* op, const Variable& x, Size2d out) {
  check_image(op, x);
  if (!out.both_at_least(1)) fail(op, "the output size must be at least 1, not " + out.text() + ": input " + x.shape().text());
  return {x.shape(), adaptive_bins(x.shape()[2], out.height), adaptive_bins(x.shape()[3], out.width)};
}

class BinMaxNode final : public autograd::Node {
 public:
  BinMaxNode(Bins bins, Tensor argmax) : bins_(std::move(bins)), argmax_(std::move(argmax)) {}

  const char* name() const override { return "max_pool2d"; }
  void backward(const Tensor& gradient) override {
    const Tensor dy = gradient.shape().dims() == 4 ? channels_last(gradient) : contiguous(gradient);
    Tensor dx = Tensor::empty_channels_last(bins_.in);
    kernels_for(dx.device()).bin_pooling.max_backward({bins_.view(), argmax_.data<int32_t>(), dy.data<float>(), dx.data<float>()});
    give(0, std::move(dx));
  }

 private:
  Bins bins_;
  Tensor argmax_;
};

class BinAverageNode final : public autograd::Node {
 public:
  explicit BinAverageNode(Bins bins) : bins_(std::move(bins)) {}

  const char* name() const override { return "average_pool2d"; }
  void backward(const Tensor& gradient) override {
    const Tensor dy = channels_last(gradient);
    Tensor dx = Tensor::empty_channels_last(bins_.in);
    kernels_for(dx.device()).bin_pooling.average_backward({bins_.view(), dy.data<float>(), dx.data<float>()});
    give(0, std::move(dx));
  }

 private:
  Bins bins_;
};

/// `output`: of one pixel for each bin.
Variable bin_max(const Variable& x, const Bins& bins, Tensor output) {
  const Tensor input = channels_last(x.value());
  Tensor argmax = Tensor::empty(output.shape(), DType::i32);
  kernels_for(output.device()).bin_pooling.max_forward({bins.view(), input.data<float>(), output.data<float>(), argmax.data<int32_t>()});
  return autograd::record<BinMaxNode>(output, {&x}, bins, argmax);
}

}  // namespace

Variable max_pool2d(const Variable& x, const PoolingOptions& options) {
  const PoolingGeometry geometry = geometry_of("max_pool2d", x, options);
  Tensor output = Tensor::empty_channels_last(out_shape(geometry));
  if (options.kernel.height * options.kernel.width > kSmallWindow || options.dilation != Size2d(1)) {
    const Bins bins{x.shape(), bins_of("max_pool2d", x.shape(), rows_of(x.shape(), options), options.ceil_mode),
                    bins_of("max_pool2d", x.shape(), columns_of(x.shape(), options), options.ceil_mode)};
    return bin_max(x, bins, output);
  }
  const Tensor input = channels_last(x.value());
  Tensor argmax = Tensor::empty_channels_last(out_shape(geometry), DType::u8);
  kernels_for(output.device()).pooling.max_forward({geometry, input.data<float>(), output.data<float>(), argmax.data<uint8_t>()});
  return autograd::record<MaxPoolNode>(output, {&x}, geometry, argmax);
}

Variable average_pool2d(const Variable& x, const PoolingOptions& options) {
  const PoolingGeometry geometry = geometry_of("average_pool2d", x, options);
  if (options.dilation != Size2d(1)) fail("average_pool2d", "averages have no dilation, but it is " + options.dilation.text() + ": input " + x.shape().text());
  const Tensor input = channels_last(x.value());
  Tensor output = Tensor::empty_channels_last(out_shape(geometry));
  kernels_for(output.device()).pooling.average_forward({geometry, options.padding_counts, input.data<float>(), output.data<float>()});
  return autograd::record<AveragePoolNode>(output, {&x}, geometry, options.padding_counts);
}

Variable adaptive_max_pool2d(const Variable& x, Size2d out) {
  const Bins bins = adaptive("adaptive_max_pool2d", x, out);
  return bin_max(x, bins, Tensor::empty_channels_last(bins.out()));
}

Variable adaptive_average_pool2d(const Variable& x, Size2d out) {
  const Bins bins = adaptive("adaptive_average_pool2d", x, out);
  const Tensor input = channels_last(x.value());
  Tensor output = Tensor::empty_channels_last(bins.out());
  kernels_for(output.device()).bin_pooling.average_forward({bins.view(), input.data<float>(), output.data<float>()});
  return autograd::record<BinAverageNode>(output, {&x}, bins);
}

Variable global_average_pool2d(const Variable& x) {
  check_image("global_average_pool2d", x);
  const Shape& s = x.shape();
  const PoolingGeometry geometry{s[0], s[1], s[2], s[3], 1, 1, s[2], s[3], 1, 1, 0, 0};
  const Tensor input = channels_last(x.value());
  Tensor output = Tensor::empty({s[0], s[1]});  // one pixel: the same bytes as [N, C, 1, 1]
  kernels_for(output.device()).pooling.average_forward({geometry, true, input.data<float>(), output.data<float>()});
  return autograd::record<AveragePoolNode>(output, {&x}, geometry, true);
}

Variable global_max_pool2d(const Variable& x) {
  const Bins bins = adaptive("global_max_pool2d", x, 1);
  return bin_max(x, bins, Tensor::empty({x.shape()[0], x.shape()[1]}));
}

}  // namespace tessera::ops
