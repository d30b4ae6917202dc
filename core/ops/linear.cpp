// SPDX-License-Identifier: Apache-2.0
#include "core/ops/linear.h"

#include "core/base/error.h"
#include "core/kernels/kernels.h"
#include "core/ops/checks.h"

namespace tessera::ops {
namespace {

class LinearNode final : public autograd::Node {
 public:
  /// `activated`: what the activation's derivative is computed from; undefined without one.
  LinearNode(Tensor input, Tensor weight, Tensor activated, const LinearOptions& options)
      : input_(std::move(input)), weight_(std::move(weight)), activated_(std::move(activated)), options_(options) {}

  const char* name() const override { return "linear"; }

  void backward(const Tensor& gradient) override {
    // Parameters first: their reduction starts while the rest of backward runs.
    const Tensor dz = before_activation(contiguous(gradient));
    const MatmulKernels& kernels = kernels_for(dz.device()).matmul;
    const int64_t rows = dz.shape()[0], out = dz.shape()[1], in = input_.shape()[1];
    const Tensor factor = wants(0) || wants(1) ? rounded(dz, options_.precision) : Tensor();
    if (wants(1)) {
      Tensor dweight = target(1, weight_.shape());
      const Tensor &left = options_.in_out ? input_ : factor, &right = options_.in_out ? factor : input_;
      kernels.matmul({left.shape()[1], right.shape()[1], rows, true, false, left.data<float>(), right.data<float>(), dweight.data<float>()});
      give(1, std::move(dweight));
    }
    if (wants(0)) {
      Tensor dx = target(0, input_.shape());
      kernels.matmul({rows, in, out, false, options_.in_out, factor.data<float>(), weight_.data<float>(), dx.data<float>()});
      give(0, std::move(dx));
    }
  }

 private:
  /// The gradient of the product; gives the bias' on the way.
  Tensor before_activation(const Tensor& dy) {
    const int64_t rows = dy.shape()[0], out = dy.shape()[1];
    const Kernels& kernels = kernels_for(dy.device());
    Tensor dz = activated_.defined() ? Tensor::empty(dy.shape()) : dy;
    if (wants(2)) {
      Tensor dbias = target(2, {out});
      if (activated_.defined()) {
        kernels.matmul.bias_activation_backward({rows, out, *options_.activation, activated_.data<float>(), dy.data<float>(), dz.data<float>(), dbias.data<float>()});
      } else {
        kernels.matmul.column_sums({rows, out, dy.data<float>(), dbias.data<float>()});
      }
      give(2, std::move(dbias));
    } else if (activated_.defined()) {
      kernels.elementwise.unary_backward(*options_.activation, {dz.elements(), {}, activated_.data<float>(), dy.data<float>(), dz.data<float>()});
    }
    return dz;
  }

  Tensor input_, weight_;  // as they were multiplied
  Tensor activated_;
  LinearOptions options_;
};

void check(const Variable& x, const Variable& weight, const Variable& bias, const LinearOptions& options) {
  require_dims("linear", x.value(), 2, "an input [samples, features]");
  require_dims("linear", weight.value(), 2, options.in_out ? "a weight [in, out]" : "a weight [out, in]");
  if (x.shape()[1] != weight.shape()[options.in_out ? 0 : 1]) fail_shapes("linear", "input features and weight do not fit", x.shape(), weight.shape());
  if (bias.defined() && bias.shape() != Shape{weight.shape()[options.in_out ? 1 : 0]}) fail_shapes("linear", "bias and weight do not fit", bias.shape(), weight.shape());
  TESSERA_ASSERT(bias.defined() || !options.activation, "an activation is applied together with a bias");
}

}  // namespace

Variable linear(const Variable& x, const Variable& weight, const Variable& bias, const LinearOptions& options) {
  check(x, weight, bias, options);
  const Tensor input = rounded(contiguous(x.value()), options.precision), matrix = contiguous(weight.value());
  const int64_t rows = input.shape()[0], in = input.shape()[1], out = matrix.shape()[options.in_out ? 1 : 0];
  Tensor product = Tensor::empty({rows, out});
  const MatmulKernels& kernels = kernels_for(product.device()).matmul;
  const Tensor shift = bias.defined() ? contiguous(bias.value()) : Tensor();
  Matmul matmul{rows, out, in, false, !options.in_out, input.data<float>(), matrix.data<float>(), product.data<float>()};
  if (!options.activation) {
    matmul.bias = shift.data<float>();
    kernels.matmul(matmul);
    return autograd::record<LinearNode>(product, {&x, &weight, &bias}, input, matrix, Tensor(), options);
  }
  kernels.matmul(matmul);
  const Tensor output = derivative_needs_input(*options.activation) ? Tensor::empty(product.shape()) : product;
  kernels.bias_activation({rows, out, *options.activation, shift.data<float>(), product.data<float>(), output.data<float>()});
  return autograd::record<LinearNode>(output, {&x, &weight, &bias}, input, matrix, product, options);
}

}  // namespace tessera::ops
