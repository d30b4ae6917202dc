// SPDX-License-Identifier: Apache-2.0
#include "core/ops/checks.h"

#include <algorithm>
#include <string>

#include "core/base/error.h"
#include "core/kernels/kernels.h"

namespace tessera::ops {

Tensor dense(const Tensor& tensor) { return tensor.is_dense() ? tensor : contiguous(tensor); }

Tensor channels_last(const Tensor& tensor) {
  if (tensor.is_channels_last()) return tensor;
  Tensor copy = Tensor::empty_channels_last(tensor.shape(), tensor.dtype());
  copy_into(tensor, copy);
  return copy;
}

void fail(std::string_view op, std::string_view what) { throw Error(ErrorKind::usage, std::string(op) + ": " + std::string(what)); }

void fail_shapes(std::string_view op, std::string_view what, const Shape& a, const Shape& b) {
  fail(op, std::string(what) + ": " + a.text() + " and " + b.text());
}

void require_f32(std::string_view op, const Tensor& tensor) {
  if (tensor.dtype() != DType::f32) fail(op, "needs f32, not " + std::string(name_of(tensor.dtype())));
}

void require_dims(std::string_view op, const Tensor& tensor, size_t dims, std::string_view expected) {
  require_f32(op, tensor);
  if (tensor.shape().dims() != dims) fail(op, "needs " + std::string(expected) + ", not a tensor of shape " + tensor.shape().text());
}

size_t dim_of(std::string_view op, int64_t dim, const Shape& shape) {
  const auto dims = static_cast<int64_t>(shape.dims());
  if (dim < -dims || dim >= dims) fail(op, "there is no dim " + std::to_string(dim) + " in " + shape.text());
  return static_cast<size_t>(dim < 0 ? dim + dims : dim);
}

Tensor parameter_or(std::string_view op, std::string_view what, const autograd::Variable& variable, const Shape& shape, float missing) {
  if (variable.defined()) {
    require_f32(op, variable.value());
    if (variable.shape() != shape) fail_shapes(op, what, variable.shape(), shape);
    return contiguous(variable.value());
  }
  const Tensor tensor = Tensor::empty(shape);
  std::fill_n(tensor.data<float>(), tensor.elements(), missing);
  return tensor;
}

bool all_finite(const Tensor& tensor) {
  constexpr uint32_t kInfinityBits = 0x7f800000u;
  const Tensor values = contiguous(tensor);
  return kernels_for(values.device()).summation.largest_magnitude_bits(values.elements(), values.data<float>()) < kInfinityBits;
}

Tensor empty_like(const Tensor& tensor) {
  const bool image = !tensor.is_contiguous() && tensor.is_channels_last();
  return image ? Tensor::empty_channels_last(tensor.shape(), tensor.dtype()) : Tensor::empty(tensor.shape(), tensor.dtype());
}

}  // namespace tessera::ops
