// SPDX-License-Identifier: Apache-2.0
#include "core/ops/linear.h"

#include "core/kernels/kernels.h"
#include "core/ops/checks.h"

namespace tessera::ops {
namespace {

class LinearNode final : public autograd::Node {
 public:
  LinearNode(Tensor input, Tensor weight, Precision precision) : input_(std::move(input)), weight_(std::move(weight)), precision_(precision) {}

  const char* name() const override { return "linear"; }

  void backward(const Tensor& gradient) override {
    const Tensor dy = contiguous(gradient);
    const MatmulKernels& kernels = kernels_for(dy.device()).matmul;
    const int64_t rows = dy.shape()[0], out = weight_.shape()[0], in = weight_.shape()[1];
    // Parameters first: their reduction starts while the rest of backward runs.
    if (wants(2)) {
      Tensor dbias = target(2, {out});
      kernels.column_sums({rows, out, dy.data<float>(), dbias.data<float>()});
      give(2, std::move(dbias));
    }
    const Tensor factor = wants(0) || wants(1) ? rounded(dy, precision_) : Tensor();
    if (wants(1)) {
      Tensor dweight = target(1, weight_.shape());
      kernels.matmul({out, in, rows, true, false, factor.data<float>(), input_.data<float>(), dweight.data<float>()});
      give(1, std::move(dweight));
    }
    if (wants(0)) {
      Tensor dx = target(0, input_.shape());
      kernels.matmul({rows, in, out, false, false, factor.data<float>(), weight_.data<float>(), dx.data<float>()});
      give(0, std::move(dx));
    }
  }

 private:
  Tensor input_, weight_;  // as they were multiplied
  Precision precision_;
};

}  // namespace

Variable linear(const Variable& x, const Variable& weight, const Variable& bias, Precision precision) {
  require_dims("linear", x.value(), 2, "an input [samples, features]");
  require_dims("linear", weight.value(), 2, "a weight [out, in]");
  if (x.shape()[1] != weight.shape()[1]) fail_shapes("linear", "input features and weight do not fit", x.shape(), weight.shape());
  if (bias.defined() && bias.shape() != Shape{weight.shape()[0]}) fail_shapes("linear", "bias and weight do not fit", bias.shape(), weight.shape());
  const Tensor input = rounded(contiguous(x.value()), precision), matrix = contiguous(weight.value());
  const int64_t rows = input.shape()[0], out = matrix.shape()[0], in = matrix.shape()[1];
  Tensor output = Tensor::empty({rows, out});
  const MatmulKernels& kernels = kernels_for(output.device()).matmul;
  const Tensor shift = bias.defined() ? contiguous(bias.value()) : Tensor();
  kernels.matmul({rows, out, in, false, true, input.data<float>(), matrix.data<float>(), output.data<float>(), shift.data<float>()});
  return autograd::record<LinearNode>(output, {&x, &weight, &bias}, input, matrix, precision);
}

}  // namespace tessera::ops
