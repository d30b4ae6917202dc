// SPDX-License-Identifier: Apache-2.0
// Normalisations of rows by statistics of their own, alone or of a sum that is kept: the residual stream of a transformer.
#include "core/base/error.h"
#include "core/kernels/kernels.h"
#include "core/ops/checks.h"
#include "core/ops/normalisation.h"

namespace tessera::ops {
namespace {

int64_t row_norm_blocks(int64_t rows) { return (rows + kRowNormBlockRows - 1) / kRowNormBlockRows; }

/// The gradient that the normalised tensor has from its other uses, as the kernels read it.
Tensor dense_or_nothing(const Tensor& received) { return received.defined() ? contiguous(received) : Tensor(); }

class LayerNormNode final : public autograd::Node {
 public:
  LayerNormNode(Tensor input, Tensor weight, Tensor mean, Tensor inverse_deviation)
      : input_(std::move(input)), weight_(std::move(weight)), mean_(std::move(mean)), inverse_deviation_(std::move(inverse_deviation)) {}

  const char* name() const override { return "layer_norm"; }

  void backward(const Tensor& gradient) override {
    const Tensor dy = contiguous(gradient), before = wants(0) ? dense_or_nothing(received(0)) : Tensor();
    const Shape& shape = weight_.shape();
    const int64_t rows = mean_.elements(), columns = weight_.elements();
    Tensor dx = Tensor::empty(input_.shape());
    Tensor dweight = wants(1) ? target(1, shape) : Tensor::empty(shape), dbias = wants(2) ? target(2, shape) : Tensor::empty(shape);
    const Tensor partials = Tensor::empty({row_norm_blocks(rows), 2, columns});
    kernels_for(dx.device())
        .normalisation.layer_norm_backward({rows, columns, input_.data<float>(), dy.data<float>(), weight_.data<float>(), mean_.data<float>(),
                                            inverse_deviation_.data<float>(), before.data<float>(), dx.data<float>(), dweight.data<float>(),
                                            dbias.data<float>(), partials.data<float>()});
    if (wants(2)) give(2, std::move(dbias));
    if (wants(1)) give(1, std::move(dweight));
    if (wants(0)) give(0, std::move(dx));
  }

 private:
  Tensor input_, weight_, mean_, inverse_deviation_;
};

class RmsNormNode final : public autograd::Node {
 public:
  RmsNormNode(Tensor input, Tensor weight, Tensor inverse_root)
      : input_(std::move(input)), weight_(std::move(weight)), inverse_root_(std::move(inverse_root)) {}

  const char* name() const override { return "rms_norm"; }

  void backward(const Tensor& gradient) override {
    const Tensor dy = contiguous(gradient), before = wants(0) ? dense_or_nothing(received(0)) : Tensor();
    const int64_t rows = inverse_root_.elements(), columns = weight_.elements();
    Tensor dx = Tensor::empty(input_.shape());
    Tensor dweight = wants(1) ? target(1, weight_.shape()) : Tensor::empty(weight_.shape());
    const Tensor partials = Tensor::empty({row_norm_blocks(rows), columns});
    kernels_for(dx.device())
        .normalisation.rms_norm_backward({rows, columns, input_.data<float>(), dy.data<float>(), weight_.data<float>(), inverse_root_.data<float>(),
                                          before.data<float>(), dx.data<float>(), dweight.data<float>(), partials.data<float>()});
    if (wants(1)) give(1, std::move(dweight));
    if (wants(0)) give(0, std::move(dx));
  }

 private:
  Tensor input_, weight_, inverse_root_;
};

/// x + residual, which a normalisation computed on its way.
class ResidualSumNode final : public autograd::Node {
 public:
  const char* name() const override { return "residual_sum"; }
  void backward(const Tensor& gradient) override {
    if (wants(1)) give(1, gradient);
    if (wants(0)) give(0, gradient);
  }
};

/// The tensors of a row normalisation's forward pass. `sum` is undefined where there is no residual.
struct Rows {
  Tensor input, residual, sum, output;
  int64_t rows, columns;

  const Tensor& normalised() const { return sum.defined() ? sum : input; }
};

Rows rows_of(const char* op, const Variable& x, const Variable& residual, const Shape& normalised) {
  require_f32(op, x.value());
  const Shape& shape = x.shape();
  const auto fail_normalised = [&] { fail_shapes(op, "the input does not end in the normalised shape", shape, normalised); };
  if (normalised.dims() == 0 || normalised.dims() > shape.dims() || normalised.elements() == 0) fail_normalised();
  const size_t outer = shape.dims() - normalised.dims();
  int64_t rows = 1;
  for (size_t dim = 0; dim < shape.dims(); ++dim) {
    if (dim < outer) rows *= shape[dim];
    else if (shape[dim] != normalised[dim - outer]) fail_normalised();
  }
  Rows result{contiguous(x.value()), {}, {}, Tensor::empty(shape), rows, normalised.elements()};
  if (residual.defined()) {
    require_f32(op, residual.value());
    if (residual.shape() != shape) fail_shapes(op, "input and residual differ", shape, residual.shape());
    result.residual = contiguous(residual.value());
    result.sum = Tensor::empty(shape);
  }
  return result;
}

/// What the tape takes for the normalised tensor: x, or the sum that is made here.
Variable normalised_of(const Rows& rows, const Variable& x, const Variable& residual) {
  return rows.sum.defined() ? autograd::record<ResidualSumNode>(rows.sum, {&x, &residual}) : x;
}

NormalisedSum layer_norm_of(const Variable& x, const Variable& residual, const Shape& normalised, const Variable& weight, const Variable& bias,
                            double epsilon) {
  const Rows rows = rows_of("layer_norm", x, residual, normalised);
  const Tensor scale = parameter_or("layer_norm", "weight and normalised shape do not fit", weight, normalised, 1.0f);
  const Tensor shift = parameter_or("layer_norm", "bias and normalised shape do not fit", bias, normalised, 0.0f);
  const Tensor mean = Tensor::empty({rows.rows}), inverse_deviation = Tensor::empty({rows.rows});
  kernels_for(rows.output.device())
      .normalisation.layer_norm_forward({rows.rows, rows.columns, static_cast<float>(epsilon), rows.input.data<float>(), rows.residual.data<float>(),
                                         rows.sum.data<float>(), scale.data<float>(), shift.data<float>(), rows.output.data<float>(), mean.data<float>(),
                                         inverse_deviation.data<float>()});
  const Variable sum = normalised_of(rows, x, residual);
  return {sum, autograd::record<LayerNormNode>(rows.output, {&sum, &weight, &bias}, rows.normalised(), scale, mean, inverse_deviation)};
}

NormalisedSum rms_norm_of(const Variable& x, const Variable& residual, const Variable& weight, double epsilon) {
  const Shape normalised{x.shape().dims() > 0 ? x.shape()[x.shape().dims() - 1] : 0};
  const Rows rows = rows_of("rms_norm", x, residual, normalised);
  const Tensor scale = parameter_or("rms_norm", "weight and input features do not fit", weight, normalised, 1.0f);
  const Tensor inverse_root = Tensor::empty({rows.rows});
  kernels_for(rows.output.device())
      .normalisation.rms_norm_forward({rows.rows, rows.columns, static_cast<float>(epsilon), rows.input.data<float>(), rows.residual.data<float>(),
                                       rows.sum.data<float>(), scale.data<float>(), rows.output.data<float>(), inverse_root.data<float>()});
  const Variable sum = normalised_of(rows, x, residual);
  return {sum, autograd::record<RmsNormNode>(rows.output, {&sum, &weight}, rows.normalised(), scale, inverse_root)};
}

}  // namespace

Variable layer_norm(const Variable& x, const Shape& normalised, const Variable& weight, const Variable& bias, double epsilon) {
  return layer_norm_of(x, {}, normalised, weight, bias, epsilon).normalised;
}

NormalisedSum add_layer_norm(const Variable& x, const Variable& residual, const Shape& normalised, const Variable& weight, const Variable& bias,
                             double epsilon) {
  return layer_norm_of(x, residual, normalised, weight, bias, epsilon);
}

Variable rms_norm(const Variable& x, const Variable& weight, double epsilon) { return rms_norm_of(x, {}, weight, epsilon).normalised; }

NormalisedSum add_rms_norm(const Variable& x, const Variable& residual, const Variable& weight, double epsilon) {
  return rms_norm_of(x, residual, weight, epsilon);
}

}  // namespace tessera::ops
