// SPDX-License-Identifier: Apache-2.0
#include "core/base/error.h"
#include "core/kernels/kernels.h"
#include "core/ops/checks.h"
#include "core/ops/normalisation.h"

namespace tessera::ops {
namespace {

class LayerNormNode final : public autograd::Node {
 public:
  LayerNormNode(Tensor input, Tensor weight, Tensor mean, Tensor inverse_deviation)
      : input_(std::move(input)), weight_(std::move(weight)), mean_(std::move(mean)), inverse_deviation_(std::move(inverse_deviation)) {}

  const char* name() const override { return "layer_norm"; }

  void backward(const Tensor& gradient) override {
    const Tensor dy = contiguous(gradient);
    const Shape& shape = weight_.shape();
    const int64_t rows = mean_.elements(), columns = weight_.elements();
    Tensor dx = Tensor::empty(input_.shape());
    Tensor dweight = wants(1) ? target(1, shape) : Tensor::empty(shape), dbias = wants(2) ? target(2, shape) : Tensor::empty(shape);
    const Tensor partials = Tensor::empty({(rows + kLayerNormBlockRows - 1) / kLayerNormBlockRows, 2, columns});
    kernels_for(dx.device())
        .normalisation.layer_norm_backward({rows, columns, input_.data<float>(), dy.data<float>(), weight_.data<float>(), mean_.data<float>(),
                                            inverse_deviation_.data<float>(), dx.data<float>(), dweight.data<float>(), dbias.data<float>(),
                                            partials.data<float>()});
    if (wants(2)) give(2, std::move(dbias));
    if (wants(1)) give(1, std::move(dweight));
    if (wants(0)) give(0, std::move(dx));
  }

 private:
  Tensor input_, weight_, mean_, inverse_deviation_;
};

/// Elements of the dims that are not normalised.
int64_t rows_of(const Shape& x, const Shape& normalised) {
  const size_t outer = x.dims() - normalised.dims();
  int64_t rows = 1;
  for (size_t dim = 0; dim < x.dims(); ++dim) {
    if (dim < outer) rows *= x[dim];
    else if (x[dim] != normalised[dim - outer]) fail_shapes("layer_norm", "the input does not end in the normalised shape", x, normalised);
  }
  return rows;
}

}  // namespace

Variable layer_norm(const Variable& x, const Shape& normalised, const Variable& weight, const Variable& bias, double epsilon) {
  require_f32("layer_norm", x.value());
  if (normalised.dims() == 0 || normalised.dims() > x.shape().dims() || normalised.elements() == 0) {
    fail_shapes("layer_norm", "the input does not end in the normalised shape", x.shape(), normalised);
  }
  const int64_t rows = rows_of(x.shape(), normalised);
  const Tensor input = contiguous(x.value());
  const Tensor scale = parameter_or("layer_norm", "weight and normalised shape do not fit", weight, normalised, 1.0f);
  const Tensor shift = parameter_or("layer_norm", "bias and normalised shape do not fit", bias, normalised, 0.0f);
  const Tensor output = Tensor::empty(input.shape()), mean = Tensor::empty({rows}), inverse_deviation = Tensor::empty({rows});
  kernels_for(output.device())
      .normalisation.layer_norm_forward({rows, normalised.elements(), static_cast<float>(epsilon), input.data<float>(), scale.data<float>(),
                                         shift.data<float>(), output.data<float>(), mean.data<float>(), inverse_deviation.data<float>()});
  return autograd::record<LayerNormNode>(output, {&x, &weight, &bias}, input, scale, mean, inverse_deviation);
}

}  // namespace tessera::ops
