// SPDX-License-Identifier: Apache-2.0
#include "core/ops/broadcast.h"

#include <algorithm>

#include "core/ops/checks.h"
#include "core/ops/reduction.h"

namespace tessera::ops {

Shape broadcast_shape(std::string_view op, const Shape& a, const Shape& b) {
  const Shape& longer = a.dims() >= b.dims() ? a : b;
  const Shape& shorter = a.dims() >= b.dims() ? b : a;
  Shape result = longer;
  const size_t added = longer.dims() - shorter.dims();
  for (size_t dim = 0; dim < shorter.dims(); ++dim) {
    const int64_t one = longer[added + dim], other = shorter[dim];
    if (one != other && one != 1 && other != 1) fail_shapes(op, "shapes that do not grow to each other", a, b);
    result[added + dim] = one == 1 ? other : one;
  }
  return result;
}

Tensor sum_to(const Tensor& tensor, const Shape& shape) {
  if (tensor.shape() == shape) return tensor;
  const size_t added = tensor.shape().dims() - shape.dims();
  DimSet dims{};
  for (size_t dim = 0; dim < tensor.shape().dims(); ++dim) dims[dim] = dim < added || (shape[dim - added] == 1 && tensor.shape()[dim] != 1);
  return sum_over(tensor, dims, 1.0).reshape(shape);
}

}  // namespace tessera::ops
