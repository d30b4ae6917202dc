// SPDX-License-Identifier: Apache-2.0
#include "core/tensor/shape.h"

#include <algorithm>

#include "core/base/error.h"

namespace tessera {

Shape::Shape(std::initializer_list<int64_t> dims) : Shape(std::span<const int64_t>(dims.begin(), dims.size())) {}

Shape::Shape(std::span<const int64_t> dims) : count_(static_cast<uint32_t>(dims.size())) {
  TESSERA_ASSERT(dims.size() <= kMaxDims, "a tensor has at most 6 dims");
  std::copy(dims.begin(), dims.end(), values_.begin());
}

int64_t Shape::elements() const {
  int64_t product = 1;
  for (int64_t size : *this) product *= size;
  return product;
}

bool Shape::operator==(const Shape& other) const { return std::equal(begin(), end(), other.begin(), other.end()); }

std::string Shape::text() const {
  std::string text = "[";
  for (size_t dim = 0; dim < dims(); ++dim) {
    if (dim > 0) text += ", ";
    text += std::to_string(values_[dim]);
  }
  return text + "]";
}

Shape contiguous_strides(const Shape& shape) {
  Shape strides = shape;
  int64_t step = 1;
  for (size_t dim = shape.dims(); dim-- > 0;) {
    strides[dim] = step;
    step *= shape[dim];
  }
  return strides;
}

Shape channels_last_strides(const Shape& shape) {
  TESSERA_ASSERT(shape.dims() == 4, "channels-last strides need [N, C, H, W]");
  const int64_t channels = shape[1], height = shape[2], width = shape[3];
  return {height * width * channels, 1, width * channels, channels};
}

}  // namespace tessera
