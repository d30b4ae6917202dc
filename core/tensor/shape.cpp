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

std::optional<Shape> view_strides(const Shape& shape, const Shape& strides, const Shape& target) {
  Shape result = contiguous_strides(target);
  if (shape.elements() <= 1) return result;
  size_t outer = shape.dims();         // dims from here on are taken
  int64_t run_size = 1, run_step = 1;  // elements at equal distances that no dim of the target has taken yet
  for (size_t dim = target.dims(); dim-- > 0;) {
    while (run_size % target[dim] != 0) {  // too short: it must go on in the next dim
      do {
        if (outer-- == 0) return std::nullopt;
      } while (shape[outer] == 1);
      if (run_size > 1 && strides[outer] != run_size * run_step) return std::nullopt;
      if (run_size == 1) run_step = strides[outer];
      run_size *= shape[outer];
    }
    result[dim] = run_step;
    run_size /= target[dim];
    run_step *= target[dim];
  }
  return result;
}

}  // namespace tessera
