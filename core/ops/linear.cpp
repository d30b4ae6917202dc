// SPDX-License-Identifier: Apache-2.0
#include "core/ops/linear.h"

#include "core/kernels/kernels.h"
#include "core/ops/checks.h"

namespace tessera::ops {
namespace {

/// `in_out`: the weight is [in, out], not [out, in].
class LinearNode final : public autograd::Node {
 public:
  LinearNode(Tensor input, Tensor weight, bool in_out, Precision precision)
      : input_(std::move(input)), weight_(std::move(weight)), in_out_(in_out), precision_(precision) {}

  const char* name() const override { return "linear"; }

  void backward(const Tensor& gradient) override {
    const Tensor dy = contiguous(gradient);
    const MatmulKernels& kernels = kernels_for(dy.device()).matmul;
    const int64_t rows = dy.shape()[0], out = dy.shape()[1], in = input_.shape()[1];
    // Parameters first: their reduction starts while the rest of backward runs.
    if (wants(2)) {
      Tensor dbias = target(2, {out});
      kernels.column_sums({rows, out, dy.data<float>(), dbias.data<float>()});
      give(2, std::move(dbias));
    }
    const Tensor factor = wants(0) || wants(1) ? rounded(dy, precision_) : Tensor();
    if (wants(1)) {
      Tensor dweight = target(1, weight_.shape());
      const Tensor &left = in_out_ ? input_ : factor, &right = in_out_ ? factor : input_;
      kernels.matmul({left.shape()[1], right.shape()[1], rows, true, false, left.data<float>(), right.data<float>(), dweight.data<float>()});
      give(1, std::move(dweight));
    }
    if (wants(0)) {
      Tensor dx = target(0, input_.shape());
      kernels.matmul({rows, in, out, false, in_out_, factor.data<float>(), weight_.data<float>(), dx.data<float>()});
      give(0, std::move(dx));
    }
  }

 private:
  Tensor input_, weight_;  // as they were multiplied
  bool in_out_;
  Precision precision_;
};

Variable linear_of(const Variable& x, const Variable& weight, const Variable& bias, bool in_out, Precision precision) {
  require_dims("linear", x.value(), 2, "an input [samples, features]");
  require_dims("linear", weight.value(), 2, in_out ? "a weight [in, out]" : "a weight [out, in]");
  if (x.shape()[1] != weight.shape()[in_out ? 0 : 1]) fail_shapes("linear", "input features and weight do not fit", x.shape(), weight.shape());
  if (bias.defined() && bias.shape() != Shape{weight.shape()[in_out ? 1 : 0]}) fail_shapes("linear", "bias and weight do not fit", bias.shape(), weight.shape());
  const Tensor input = rounded(contiguous(x.value()), precision), matrix = contiguous(weight.value());
  const int64_t rows = input.shape()[0], in = input.shape()[1], out = matrix.shape()[in_out ? 1 : 0];
  Tensor output = Tensor::empty({rows, out});
  const MatmulKernels& kernels = kernels_for(output.device()).matmul;
  const Tensor shift = bias.defined() ? contiguous(bias.value()) : Tensor();
  kernels.matmul({rows, out, in, false, !in_out, input.data<float>(), matrix.data<float>(), output.data<float>(), shift.data<float>()});
  return autograd::record<LinearNode>(output, {&x, &weight, &bias}, input, matrix, in_out, precision);
}

}  // namespace

Variable linear(const Variable& x, const Variable& weight, const Variable& bias, Precision precision) { return linear_of(x, weight, bias, false, precision); }
Variable linear_in_out(const Variable& x, const Variable& weight, const Variable& bias, Precision precision) {
  return linear_of(x, weight, bias, true, precision);
}

}  // namespace tessera::ops
