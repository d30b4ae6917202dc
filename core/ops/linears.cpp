// SPDX-License-Identifier: Apache-2.0
#include "core/ops/linears.h"

#include <algorithm>
#include <vector>

#include "core/kernels/kernels.h"
#include "core/ops/checks.h"

namespace tessera::ops {
namespace {

Shape shape_below(std::span<const Tensor> parts) {
  Shape shape = parts[0].shape();
  for (const Tensor& part : parts.subspan(1)) shape[0] += part.shape()[0];
  return shape;
}

/// The parts one below the other, as a view; undefined where they do not follow each other in memory.
Tensor neighbours(std::span<const Tensor> parts) {
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i].is_contiguous() || parts[i].storage() != parts[0].storage()) return {};
    if (i > 0 && parts[i].bytes() != parts[i - 1].bytes() + parts[i - 1].size_bytes()) return {};
  }
  return Tensor::over(parts[0].bytes(), shape_below(parts), parts[0].dtype(), parts[0].storage());
}

Tensor one_below_the_other(std::span<const Variable> variables) {
  std::vector<Tensor> parts;
  for (const Variable& variable : variables) parts.push_back(variable.value());
  if (Tensor whole = neighbours(parts); whole.defined()) return whole;
  Tensor whole = Tensor::empty(shape_below(parts));
  int64_t begin = 0;
  for (const Tensor& part : parts) {
    copy_into(part, whole.narrow(0, begin, part.shape()[0]));
    begin += part.shape()[0];
  }
  return whole;
}

/// Inputs: x, the weights, the biases.
class LinearsNode final : public autograd::Node {
 public:
  LinearsNode(Tensor input, Tensor weight, std::vector<int64_t> sizes, Precision precision)
      : input_(std::move(input)), weight_(std::move(weight)), sizes_(std::move(sizes)), precision_(precision) {}

  const char* name() const override { return "linear"; }

  void backward(const Tensor& gradient) override {
    const Tensor dy = contiguous(gradient), factor = rounded(dy, precision_);
    const MatmulKernels& kernels = kernels_for(dy.device()).matmul;
    const int64_t rows = dy.shape()[0], out = dy.shape()[1], in = input_.shape()[1];
    const size_t weights = 1, biases = 1 + sizes_.size();
    if (wants_any(biases)) {
      const Tensor dbias = target_of_parts(biases, {out});
      kernels.column_sums({rows, out, dy.data<float>(), dbias.data<float>()});
      give_parts(biases, dbias);
    }
    if (wants_any(weights)) {
      const Tensor dweight = target_of_parts(weights, {out, in});
      kernels.matmul({out, in, rows, true, false, factor.data<float>(), input_.data<float>(), dweight.data<float>()});
      give_parts(weights, dweight);
    }
    if (wants(0)) {
      Tensor dx = target(0, input_.shape());
      kernels.matmul({rows, in, out, false, false, factor.data<float>(), weight_.data<float>(), dx.data<float>()});
      give(0, std::move(dx));
    }
  }

 private:
  bool wants_any(size_t first) const {
    for (size_t i = 0; i < sizes_.size(); ++i) {
      if (wants(first + i)) return true;
    }
    return false;
  }

  /// Where the gradient of `shape` of inputs `first`, `first` + 1, ... is written: to their own places, where these are neighbours.
  Tensor target_of_parts(size_t first, const Shape& shape) const {
    std::vector<Tensor> targets;
    Shape part = shape;
    for (size_t i = 0; i < sizes_.size(); ++i) {
      if (!wants(first + i)) return Tensor::empty(shape);
      part[0] = sizes_[i];
      targets.push_back(target(first + i, part));
    }
    Tensor whole = neighbours(targets);
    return whole.defined() ? whole : Tensor::empty(shape);
  }

  void give_parts(size_t first, const Tensor& gradient) {
    int64_t begin = 0;
    for (size_t i = 0; i < sizes_.size(); ++i) {
      if (wants(first + i)) give(first + i, gradient.narrow(0, begin, sizes_[i]));
      begin += sizes_[i];
    }
  }

  Tensor input_, weight_;  // as they were multiplied
  std::vector<int64_t> sizes_;
  Precision precision_;
};

void check_linears(const Variable& x, std::span<const Variable> weights, std::span<const Variable> biases) {
  constexpr const char* kOp = "linears";
  require_dims(kOp, x.value(), 2, "an input [samples, features]");
  if (weights.empty() || weights.size() != biases.size()) fail(kOp, "needs weights, and as many biases");
  for (size_t i = 0; i < weights.size(); ++i) {
    require_dims(kOp, weights[i].value(), 2, "weights [out, in]");
    if (x.shape()[1] != weights[i].shape()[1]) fail_shapes(kOp, "input features and weight do not fit", x.shape(), weights[i].shape());
    if (biases[i].shape() != Shape{weights[i].shape()[0]}) fail_shapes(kOp, "bias and weight do not fit", biases[i].shape(), weights[i].shape());
  }
}

}  // namespace

Variable linears(const Variable& x, std::span<const Variable> weights, std::span<const Variable> biases, Precision precision) {
  check_linears(x, weights, biases);
  const Tensor input = rounded(contiguous(x.value()), precision), weight = one_below_the_other(weights), bias = one_below_the_other(biases);
  const int64_t rows = input.shape()[0], in = input.shape()[1], out = weight.shape()[0];
  Tensor output = Tensor::empty({rows, out});
  kernels_for(output.device()).matmul.matmul({rows, out, in, false, true, input.data<float>(), weight.data<float>(), output.data<float>(), bias.data<float>()});
  std::vector<Variable> inputs = {x};
  std::vector<int64_t> sizes;
  for (const Variable& one : weights) inputs.push_back(one), sizes.push_back(one.shape()[0]);
  inputs.insert(inputs.end(), biases.begin(), biases.end());
  return autograd::record<LinearsNode>(output, std::span<const Variable>(inputs), input, weight, std::move(sizes), precision);
}

}  // namespace tessera::ops
