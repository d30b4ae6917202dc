// SPDX-License-Identifier: Apache-2.0
#include "core/ops/reduction.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <string>

#include "core/kernels/kernels.h"
#include "core/ops/arithmetic.h"
#include "core/ops/checks.h"

namespace tessera::ops {
namespace {

/// Neighbours in the order of memory, all reduced or all kept.
struct Run {
  int64_t size;
  bool reduced;
};

/// The dims of a dense tensor in the order of its memory.
std::vector<size_t> memory_order(const Tensor& x) {
  if (!x.is_contiguous()) return {0, 2, 3, 1};
  std::vector<size_t> order(x.shape().dims());
  std::iota(order.begin(), order.end(), size_t{0});
  return order;
}

std::vector<Run> runs_of(const Tensor& dense_x, const DimSet& dims) {
  std::vector<Run> runs;
  for (size_t dim : memory_order(dense_x)) {
    const int64_t size = dense_x.shape()[dim];
    if (size == 1) continue;
    if (!runs.empty() && runs.back().reduced == dims[dim]) {
      runs.back().size *= size;
    } else {
      runs.push_back({size, dims[dim]});
    }
  }
  return runs;
}

/// Takes the last run off, if it is reduced (or kept) as asked; 1 if not.
int64_t take_last(std::vector<Run>& runs, bool reduced) {
  if (runs.empty() || runs.back().reduced != reduced) return 1;
  const int64_t size = runs.back().size;
  runs.pop_back();
  return size;
}

int64_t elements_of(const std::vector<Run>& runs) {
  return std::accumulate(runs.begin(), runs.end(), int64_t{1}, [](int64_t product, const Run& run) { return product * run.size; });
}

/// An extremum over one run.
struct Stage {
  int64_t outer, size, inner;
};

/// Stages that one after the other reduce the dense tensor over `dims`, the innermost first.
std::vector<Stage> stages_of(const Tensor& dense_x, const DimSet& dims) {
  std::vector<Run> runs = runs_of(dense_x, dims);
  std::vector<Stage> stages;
  int64_t inner = 1;
  while (!runs.empty()) {
    inner *= take_last(runs, false);
    const int64_t size = take_last(runs, true);
    if (size != 1) stages.push_back({elements_of(runs), size, inner});
  }
  return stages;
}

Shape kept_shape(const Shape& shape, const DimSet& dims) {
  Shape kept = shape;
  for (size_t dim = 0; dim < shape.dims(); ++dim) kept[dim] = dims[dim] ? 1 : shape[dim];
  return kept;
}

/// Uninitialised, in the memory order of `x`.
Tensor empty_result(const Tensor& x, const Shape& shape) { return x.is_contiguous() ? Tensor::empty(shape) : Tensor::empty_channels_last(shape); }

Shape without(const Shape& shape, const DimSet& dims) {
  std::vector<int64_t> left;
  for (size_t dim = 0; dim < shape.dims(); ++dim) {
    if (!dims[dim]) left.push_back(shape[dim]);
  }
  return Shape(left);
}

DimSet set_of(const char* op, const Shape& shape, const Dims& dims) {
  DimSet set{};
  for (size_t dim = 0; dims.empty() && dim < shape.dims(); ++dim) set[dim] = true;
  for (int64_t dim : dims) {
    const size_t place = dim_of(op, dim, shape);
    if (set[place]) fail(op, "dim " + std::to_string(dim) + " is named twice: input " + shape.text());
    set[place] = true;
  }
  return set;
}

int64_t reduced_elements(const Shape& shape, const DimSet& dims) {
  int64_t count = 1;
  for (size_t dim = 0; dim < shape.dims(); ++dim) count *= dims[dim] ? shape[dim] : 1;
  return count;
}

class SumNode final : public autograd::Node {
 public:
  SumNode(const Shape& shape, const Shape& kept, double scale) : shape_(shape), kept_(kept), scale_(static_cast<float>(scale)) {}

  const char* name() const override { return "sum"; }
  void backward(const Tensor& gradient) override {
    Tensor part = contiguous(gradient).reshape(kept_);
    if (scale_ != 1.0f) {
      const Tensor scaled = Tensor::empty(kept_);
      kernels_for(part.device()).arithmetic.scalar_forward(ScalarOp::affine, {part.elements(), scale_, 0.0f, part.data<float>(), scaled.data<float>()});
      part = scaled;
    }
    give(0, part.expand(shape_));
  }

 private:
  Shape shape_, kept_;
  float scale_;
};

Variable scaled_sum(const char* op, const Variable& x, const Dims& dims, bool keep_dims, bool divide) {
  require_f32(op, x.value());
  const DimSet set = set_of(op, x.shape(), dims);
  const double scale = divide ? 1.0 / static_cast<double>(reduced_elements(x.shape(), set)) : 1.0;
  Tensor result = sum_over(x.value(), set, scale);
  const Shape kept = result.shape();
  if (!keep_dims) result = result.reshape(without(x.shape(), set));
  return autograd::record<SumNode>(result, {&x}, x.shape(), kept, scale);
}

/// Whether the reduced dims lie in memory in the order of the shape, so that the first of equals in memory is the first of all.
bool in_row_major_order(const Tensor& x, const DimSet& dims) { return x.is_contiguous() || !dims[1] || (!dims[2] && !dims[3]); }

class ExtremumNode final : public autograd::Node {
 public:
  /// `like`: a tensor in the input's memory order.
  ExtremumNode(Tensor like, const Shape& kept, std::vector<Stage> stages, std::vector<Tensor> places)
      : shape_(like.shape()), plain_(like.is_contiguous()), kept_(kept), stages_(std::move(stages)), places_(std::move(places)) {}

  const char* name() const override { return "extremum"; }
  void backward(const Tensor& gradient) override {
    // Dims of size 1 do not matter to the order of memory, so that the kept shape has the input's.
    const Tensor kept = gradient.reshape(kept_);
    Tensor dy = plain_ ? contiguous(kept) : channels_last(kept);
    for (size_t i = stages_.size(); i-- > 0;) {
      const Stage& stage = stages_[i];
      const bool last = i == 0;
      Tensor dx = !last ? Tensor::empty({stage.outer, stage.size, stage.inner}) : plain_ ? Tensor::empty(shape_) : Tensor::empty_channels_last(shape_);
      kernels_for(dx.device())
          .reduction.extremum_backward({stage.outer, stage.size, stage.inner, places_[i].data<int32_t>(), dy.data<float>(), dx.data<float>()});
      dy = dx;
    }
    give(0, std::move(dy));
  }

 private:
  Shape shape_;
  bool plain_;
  Shape kept_;
  std::vector<Stage> stages_;
  std::vector<Tensor> places_;
};

Variable extremum(const char* op, bool largest, const Variable& x, const Dims& dims, bool keep_dims) {
  require_f32(op, x.value());
  const DimSet set = set_of(op, x.shape(), dims);
  const int64_t count = reduced_elements(x.shape(), set);
  if (count == 0) fail(op, "there is no largest or smallest of no elements: input " + x.shape().text());
  if (count > std::numeric_limits<int32_t>::max()) fail(op, "too many elements at once: input " + x.shape().text());
  Tensor input = dense(x.value());
  if (!in_row_major_order(input, set)) input = contiguous(input);
  const Shape kept = kept_shape(x.shape(), set);
  const std::vector<Stage> stages = stages_of(input, set);
  std::vector<Tensor> places;
  Tensor result = input;
  for (const Stage& stage : stages) {
    const bool last = &stage == &stages.back();
    const Tensor values = last ? empty_result(input, kept) : Tensor::empty({stage.outer, stage.inner});
    places.push_back(Tensor::empty({stage.outer, stage.inner}, DType::i32));
    kernels_for(input.device())
        .reduction.extremum({stage.outer, stage.size, stage.inner, largest, result.data<float>(), values.data<float>(), places.back().data<int32_t>()});
    result = values;
  }
  Tensor output = keep_dims ? result : result.reshape(without(x.shape(), set));
  return autograd::record<ExtremumNode>(output, {&x}, input, kept, stages, places);
}

}  // namespace

Tensor sum_over(const Tensor& x, const DimSet& dims, double scale) {
  const Tensor input = dense(x);
  std::vector<Run> runs = runs_of(input, dims);
  Tensor result = input;
  int64_t inner = 1;
  for (bool last = false; !last;) {  // two runs at a time
    inner *= take_last(runs, false);
    SumReduction step{1, 1, 1, take_last(runs, true), inner, 1.0, result.data<float>(), nullptr};
    step.middle = take_last(runs, false);
    step.repeats = take_last(runs, true);
    step.outer = elements_of(runs);
    inner *= step.middle;
    last = std::none_of(runs.begin(), runs.end(), [](const Run& run) { return run.reduced; });
    if (last) step.scale = scale;
    const Tensor sums = last ? empty_result(input, kept_shape(x.shape(), dims)) : Tensor::empty({step.outer, inner});
    step.y = sums.data<float>();
    kernels_for(input.device()).reduction.sum(step);
    result = sums;
  }
  return result;
}

Variable sum(const Variable& x, const Dims& dims, bool keep_dims) { return scaled_sum("sum", x, dims, keep_dims, false); }
Variable mean(const Variable& x, const Dims& dims, bool keep_dims) { return scaled_sum("mean", x, dims, keep_dims, true); }
Variable max(const Variable& x, const Dims& dims, bool keep_dims) { return extremum("max", true, x, dims, keep_dims); }
Variable min(const Variable& x, const Dims& dims, bool keep_dims) { return extremum("min", false, x, dims, keep_dims); }

Variable variance(const Variable& x, const Dims& dims, int64_t correction, bool keep_dims) {
  const int64_t count = reduced_elements(x.shape(), set_of("variance", x.shape(), dims));
  if (count <= correction) fail("variance", std::to_string(count) + " elements are too few for the correction " + std::to_string(correction) + ": input " + x.shape().text());
  const Variable deviation = subtract(x, mean(x, dims, true));
  return multiply(sum(square(deviation), dims, keep_dims), 1.0f / static_cast<float>(count - correction));
}

}  // namespace tessera::ops
