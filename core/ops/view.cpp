// SPDX-License-Identifier: Apache-2.0
#include "core/ops/view.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "core/ops/broadcast.h"
#include "core/ops/checks.h"

namespace tessera::ops {
namespace {

/// A view where possible.
Tensor reshaped(const Tensor& x, const Shape& shape) {
  const std::optional<Tensor> view = x.view(shape);
  return view ? *view : contiguous(x).reshape(shape);
}

/// A zeroed tensor of the memory order that the parts of its gradient have: channels-last if they are.
Tensor zeros_in_order_of(const Tensor& part, const Shape& shape) {
  const bool image = part.shape().dims() == 4 && !part.is_contiguous() && part.strides()[1] == 1;
  Tensor tensor = image ? Tensor::empty_channels_last(shape) : Tensor::empty(shape);
  fill_zero(tensor);
  return tensor;
}

class ReshapeNode final : public autograd::Node {
 public:
  explicit ReshapeNode(const Shape& shape) : shape_(shape) {}

  const char* name() const override { return "reshape"; }
  void backward(const Tensor& gradient) override { give(0, reshaped(gradient, shape_)); }

 private:
  Shape shape_;
};

class PermuteNode final : public autograd::Node {
 public:
  explicit PermuteNode(std::vector<size_t> back) : back_(std::move(back)) {}

  const char* name() const override { return "permute"; }
  void backward(const Tensor& gradient) override { give(0, gradient.permute(back_)); }

 private:
  std::vector<size_t> back_;
};

class ExpandNode final : public autograd::Node {
 public:
  explicit ExpandNode(const Shape& shape) : shape_(shape) {}

  const char* name() const override { return "expand"; }
  void backward(const Tensor& gradient) override { give(0, sum_to(gradient, shape_)); }

 private:
  Shape shape_;
};

struct Range {
  size_t dim;
  int64_t start, stop, step;

  Tensor of(const Tensor& x) const { return x.narrow(dim, start, stop - start).every(dim, step); }
};

class SliceNode final : public autograd::Node {
 public:
  SliceNode(const Shape& shape, const Range& range) : shape_(shape), range_(range) {}

  const char* name() const override { return "slice"; }
  void backward(const Tensor& gradient) override {
    Tensor dx = zeros_in_order_of(gradient, shape_);
    copy_into(gradient, range_.of(dx));
    give(0, std::move(dx));
  }

 private:
  Shape shape_;
  Range range_;
};

/// Stands between a tensor and its parts: it is older than their nodes, so that all their gradients are here before its own backward.
class SplitNode final : public autograd::Node {
 public:
  explicit SplitNode(const Shape& shape) : shape_(shape) {}

  const char* name() const override { return "split"; }
  void take(const Tensor& gradient, const Range& range) {
    if (!whole_.defined()) {
      whole_ = zeros_in_order_of(gradient, shape_);
      accept(whole_);
    }
    copy_into(gradient, range.of(whole_));
  }
  void backward(const Tensor& gradient) override {
    give(0, gradient);
    whole_ = Tensor();
  }

 private:
  Shape shape_;
  Tensor whole_;
};

class PartNode final : public autograd::Node {
 public:
  PartNode(std::shared_ptr<SplitNode> split, const Range& range) : split_(std::move(split)), range_(range) {}

  const char* name() const override { return "split"; }
  void backward(const Tensor& gradient) override { split_->take(gradient, range_); }

 private:
  std::shared_ptr<SplitNode> split_;
  Range range_;
};

std::string text_of(const std::vector<int64_t>& numbers) {
  std::string text;
  for (int64_t number : numbers) text += (text.empty() ? "" : ", ") + std::to_string(number);
  return "[" + text + "]";
}

/// `shape` with the -1 in it replaced.
Shape resolved(const Shape& shape, const Shape& from) {
  Shape result = shape;
  int64_t known = 1, open = -1;
  for (size_t dim = 0; dim < shape.dims(); ++dim) {
    if (shape[dim] < -1 || (shape[dim] == -1 && open >= 0)) fail_shapes("reshape", "at most one dim may be -1, none less", from, shape);
    if (shape[dim] == -1) {
      open = static_cast<int64_t>(dim);
    } else {
      known *= shape[dim];
    }
  }
  if (open >= 0 && known > 0) result[static_cast<size_t>(open)] = from.elements() / known;
  if (result.elements() != from.elements()) fail_shapes("reshape", "the numbers of elements differ", from, shape);
  return result;
}

}  // namespace

Variable reshape(const Variable& x, const Shape& shape) {
  const Shape target = resolved(shape, x.shape());
  return autograd::record<ReshapeNode>(reshaped(x.value(), target), {&x}, x.shape());
}

Variable permute(const Variable& x, const std::vector<int64_t>& order) {
  const size_t dims = x.shape().dims();
  std::vector<size_t> forth, back(dims, dims);
  for (int64_t dim : order) forth.push_back(dim_of("permute", dim, x.shape()));
  for (size_t i = 0; i < forth.size(); ++i) back[forth[i]] = i;
  if (forth.size() != dims || std::find(back.begin(), back.end(), dims) != back.end()) {
    fail("permute", text_of(order) + " does not name every dim once: input " + x.shape().text());
  }
  return autograd::record<PermuteNode>(x.value().permute(forth), {&x}, back);
}

Variable transpose(const Variable& x, int64_t first, int64_t second) {
  std::vector<int64_t> order(x.shape().dims());
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[dim_of("transpose", first, x.shape())], order[dim_of("transpose", second, x.shape())]);
  return permute(x, order);
}

Variable expand(const Variable& x, const Shape& shape) {
  if (shape.dims() < x.shape().dims() || broadcast_shape("expand", x.shape(), shape) != shape) fail_shapes("expand", "the first does not grow to the second", x.shape(), shape);
  return autograd::record<ExpandNode>(x.value().expand(shape), {&x}, x.shape());
}

Variable slice(const Variable& x, int64_t dim, int64_t start, int64_t stop, int64_t step) {
  const Range range{dim_of("slice", dim, x.shape()), start, stop, step};
  if (start < 0 || stop < start || stop > x.shape()[range.dim] || step < 1) {
    fail("slice", std::to_string(start) + ":" + std::to_string(stop) + ":" + std::to_string(step) + " is not inside dim " + std::to_string(dim) + ": input " + x.shape().text());
  }
  return autograd::record<SliceNode>(range.of(x.value()), {&x}, x.shape(), range);
}

std::vector<Variable> split(const Variable& x, int64_t dim, const std::vector<int64_t>& sizes) {
  const size_t place = dim_of("split", dim, x.shape());
  const bool negative = std::any_of(sizes.begin(), sizes.end(), [](int64_t size) { return size < 0; });
  if (negative || std::accumulate(sizes.begin(), sizes.end(), int64_t{0}) != x.shape()[place]) {
    fail("split", "sizes " + text_of(sizes) + " do not make up dim " + std::to_string(dim) + ": input " + x.shape().text());
  }
  const Variable whole = autograd::record<SplitNode>(x.value(), {&x}, x.shape());
  const auto node = std::static_pointer_cast<SplitNode>(whole.node());
  std::vector<Variable> parts;
  int64_t start = 0;
  for (int64_t size : sizes) {
    const Range range{place, start, start + size, 1};
    parts.push_back(autograd::record<PartNode>(range.of(x.value()), {&whole}, node, range));
    start += size;
  }
  return parts;
}

std::vector<Variable> chunk(const Variable& x, int64_t dim, int64_t count) {
  const int64_t size = x.shape()[dim_of("chunk", dim, x.shape())];
  if (count < 1) fail("chunk", std::to_string(count) + " parts cannot be made: input " + x.shape().text());
  const int64_t part = std::max<int64_t>(1, (size + count - 1) / count);
  std::vector<int64_t> sizes;
  for (int64_t start = 0; start < size; start += part) sizes.push_back(std::min(part, size - start));
  if (sizes.empty()) sizes.push_back(0);
  return split(x, dim, sizes);
}

}  // namespace tessera::ops
