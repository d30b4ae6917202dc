// SPDX-License-Identifier: Apache-2.0
#include "core/ops/movement.h"

#include <string>

#include "core/base/error.h"
#include "core/kernels/kernels.h"
#include "core/ops/checks.h"
#include "core/ops/view.h"

namespace tessera::ops {
namespace {

class ConcatenateNode final : public autograd::Node {
 public:
  ConcatenateNode(size_t dim, std::vector<int64_t> sizes) : dim_(dim), sizes_(std::move(sizes)) {}

  const char* name() const override { return "concatenate"; }
  void backward(const Tensor& gradient) override {
    int64_t start = 0;
    for (size_t i = 0; i < sizes_.size(); ++i) {
      if (wants(i)) give(i, gradient.narrow(dim_, start, sizes_[i]));
      start += sizes_[i];
    }
  }

 private:
  size_t dim_;
  std::vector<int64_t> sizes_;
};

class PadNode final : public autograd::Node {
 public:
  PadNode(const Shape& shape, const Shape& before) : shape_(shape), before_(before) {}

  const char* name() const override { return "pad"; }
  void backward(const Tensor& gradient) override { give(0, inside(gradient, shape_, before_)); }

  /// The view of a padded tensor without its border.
  static Tensor inside(Tensor padded, const Shape& shape, const Shape& before) {
    for (size_t dim = 0; dim < shape.dims(); ++dim) padded = padded.narrow(dim, before[dim], shape[dim]);
    return padded;
  }

 private:
  Shape shape_, before_;
};

/// A dim between those before and those behind it.
struct Split {
  int64_t outer = 1, size, inner = 1;

  Split(const Shape& shape, size_t dim) : size(shape[dim]) {
    for (size_t i = 0; i < dim; ++i) outer *= shape[i];
    for (size_t i = dim + 1; i < shape.dims(); ++i) inner *= shape[i];
  }
};

class GatherNode final : public autograd::Node {
 public:
  GatherNode(const Shape& shape, size_t dim, Tensor indices) : shape_(shape), dim_(dim), indices_(std::move(indices)) {}

  const char* name() const override { return "gather"; }
  void backward(const Tensor& gradient) override {
    const Tensor dy = contiguous(gradient);
    const Split split(shape_, dim_);
    Tensor dx = target(0, shape_);
    kernels_for(dx.device())
        .gather.backward({split.outer, split.size, split.inner, indices_.elements(), indices_.data<int64_t>(), dy.data<float>(), dx.data<float>()});
    give(0, std::move(dx));
  }

 private:
  Shape shape_;
  size_t dim_;
  Tensor indices_;
};

void check_indices(const Tensor& indices, int64_t size, const Shape& shape) {
  if (indices.dtype() != DType::i64 || indices.shape().dims() != 1) {
    fail("gather", "indices must be i64 [K], not " + std::string(name_of(indices.dtype())) + " " + indices.shape().text() + ": input " + shape.text());
  }
  const int64_t* index = indices.data<int64_t>();
  for (int64_t k = 0; k < indices.elements(); ++k) {
    if (index[k] >= 0 && index[k] < size) continue;
    throw Error(ErrorKind::data, "index " + std::to_string(index[k]) + " at place " + std::to_string(k) + " is outside 0.." + std::to_string(size - 1) +
                                     " of the input " + shape.text(),
                "gather", "the table needs as many rows as the data has values");
  }
}

}  // namespace

Variable concatenate(std::span<const Variable> inputs, int64_t dim) {
  if (inputs.empty()) fail("concatenate", "there are no inputs");
  const Tensor& first = inputs[0].value();
  const size_t place = dim_of("concatenate", dim, first.shape());
  std::vector<int64_t> sizes;
  Shape shape = first.shape();
  shape[place] = 0;
  for (const Variable& input : inputs) {
    require_f32("concatenate", input.value());
    Shape other = input.shape();
    if (other.dims() == shape.dims()) other[place] = shape[place];
    if (other != shape) fail_shapes("concatenate", "dims other than " + std::to_string(dim) + " differ", first.shape(), input.shape());
    sizes.push_back(input.shape()[place]);
    shape[place] += sizes.back();
  }
  const bool image = !first.is_contiguous() && first.is_channels_last();
  const Tensor output = image ? Tensor::empty_channels_last(shape) : Tensor::empty(shape);
  int64_t start = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    copy_into(inputs[i].value(), output.narrow(place, start, sizes[i]));
    start += sizes[i];
  }
  return autograd::record<ConcatenateNode>(output, inputs, place, sizes);
}

Variable stack(std::span<const Variable> inputs, int64_t dim) {
  if (inputs.empty()) fail("stack", "there are no inputs");
  const Shape& shape = inputs[0].shape();
  const auto dims = static_cast<int64_t>(shape.dims());
  if (shape.dims() == Shape::kMaxDims || dim < -dims - 1 || dim > dims) fail("stack", "there is no place " + std::to_string(dim) + " for a new dim: input " + shape.text());
  std::vector<int64_t> raised(shape.begin(), shape.end());
  raised.insert(raised.begin() + (dim < 0 ? dim + dims + 1 : dim), 1);
  std::vector<Variable> rows;
  for (const Variable& input : inputs) {
    if (input.shape() != shape) fail_shapes("stack", "shapes differ", shape, input.shape());
    rows.push_back(reshape(input, Shape(raised)));
  }
  return concatenate(rows, dim);
}

Variable pad(const Variable& x, const std::vector<Padding>& widths, float value) {
  require_f32("pad", x.value());
  const Tensor input = x.value();
  Shape shape = x.shape(), before = shape;
  if (widths.size() > shape.dims()) fail("pad", std::to_string(widths.size()) + " widths are more than the dims of the input " + shape.text());
  const size_t first = shape.dims() - widths.size();
  for (size_t dim = 0; dim < shape.dims(); ++dim) {
    const Padding width = dim < first ? Padding{} : widths[dim - first];
    if (width.before < 0 || width.after < 0) fail("pad", "a width is negative: input " + x.shape().text());
    before[dim] = width.before;
    shape[dim] += width.before + width.after;
  }
  const bool image = !input.is_contiguous() && input.is_channels_last();
  const Tensor output = image ? Tensor::empty_channels_last(shape) : Tensor::empty(shape);
  kernels_for(output.device()).arithmetic.fill(output.elements(), value, output.data<float>());
  copy_into(input, PadNode::inside(output, input.shape(), before));
  return autograd::record<PadNode>(output, {&x}, input.shape(), before);
}

Variable gather(const Variable& x, int64_t dim, const Tensor& indices) {
  require_f32("gather", x.value());
  const size_t place = dim_of("gather", dim, x.shape());
  const Tensor rows = contiguous(indices);
  check_indices(rows, x.shape()[place], x.shape());
  const Tensor input = contiguous(x.value());
  const Split split(x.shape(), place);
  Shape shape = x.shape();
  shape[place] = rows.elements();
  Tensor output = Tensor::empty(shape);
  kernels_for(output.device())
      .gather.forward({split.outer, split.size, split.inner, rows.elements(), rows.data<int64_t>(), input.data<float>(), output.data<float>()});
  return autograd::record<GatherNode>(output, {&x}, x.shape(), place, rows);
}

}  // namespace tessera::ops
