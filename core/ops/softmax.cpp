// SPDX-License-Identifier: Apache-2.0
#include "core/ops/softmax.h"

#include <string>

#include "core/base/error.h"
#include "core/kernels/kernels.h"
#include "core/ops/checks.h"

namespace tessera::ops {
namespace {

class SoftmaxNode final : public autograd::Node {
 public:
  SoftmaxNode(bool logarithm, Tensor output) : logarithm_(logarithm), output_(std::move(output)) {}

  const char* name() const override { return logarithm_ ? "log_softmax" : "softmax"; }
  void backward(const Tensor& gradient) override {
    const Tensor dy = contiguous(gradient);
    Tensor dx = Tensor::empty(output_.shape());
    const int64_t columns = dx.shape()[dx.shape().dims() - 1];
    kernels_for(dx.device())
        .softmax.backward({dx.elements() / columns, columns, logarithm_, output_.data<float>(), dy.data<float>(), dx.data<float>()});
    give(0, std::move(dx));
  }

 private:
  bool logarithm_;
  Tensor output_;
};

Variable over_last_dim(bool logarithm, const char* name, const Variable& x) {
  require_f32(name, x.value());
  const Shape& shape = x.shape();
  if (shape.dims() == 0 || shape[shape.dims() - 1] == 0) {
    throw Error(ErrorKind::usage, std::string(name) + " needs at least one element in the last dim, not " + shape.text());
  }
  const Tensor input = contiguous(x.value()), output = Tensor::empty(shape);
  const int64_t columns = shape[shape.dims() - 1];
  kernels_for(output.device()).softmax.forward({output.elements() / columns, columns, logarithm, input.data<float>(), output.data<float>()});
  return autograd::record<SoftmaxNode>(output, {&x}, logarithm, output);
}

}  // namespace

Variable softmax(const Variable& x) { return over_last_dim(false, "softmax", x); }
Variable log_softmax(const Variable& x) { return over_last_dim(true, "log_softmax", x); }

}  // namespace tessera::ops
