// SPDX-License-Identifier: Apache-2.0
#include "core/tensor/tensor.h"

#include <cstring>

#include "core/base/error.h"
#include "core/tensor/copy.h"

namespace tessera {
namespace {

/// Two dims of size 1 or 0 elements make strides irrelevant; compare only those that matter.
bool strides_match(const Shape& shape, const Shape& strides, const Shape& expected) {
  for (size_t dim = 0; dim < shape.dims(); ++dim) {
    if (shape[dim] != 1 && strides[dim] != expected[dim]) return false;
  }
  return true;
}

}  // namespace

Storage::Storage(size_t size_bytes, MemoryCategory category)
    : data_(static_cast<std::byte*>(allocate_bytes(size_bytes, category))), size_bytes_(size_bytes), category_(category) {}

Storage::Storage(void* data, size_t size_bytes, std::shared_ptr<const void> owner)
    : data_(static_cast<std::byte*>(data)), size_bytes_(size_bytes), allocated_(false), owner_(std::move(owner)) {}

Storage::~Storage() {
  if (allocated_) free_bytes(data_, size_bytes_, category_);
}

Tensor::Tensor(std::shared_ptr<Storage> storage, size_t offset_bytes, const Shape& shape, const Shape& strides, DType dtype)
    : storage_(std::move(storage)), offset_bytes_(offset_bytes), shape_(shape), strides_(strides), dtype_(dtype) {}

Tensor Tensor::empty(const Shape& shape, DType dtype) {
  const size_t bytes = static_cast<size_t>(shape.elements()) * size_bytes_of(dtype);
  return {std::make_shared<Storage>(bytes, MemoryScope::current()), 0, shape, contiguous_strides(shape), dtype};
}

Tensor Tensor::empty_channels_last(const Shape& shape, DType dtype) {
  Tensor tensor = empty(shape, dtype);
  tensor.strides_ = channels_last_strides(shape);
  return tensor;
}

Tensor Tensor::zeros(const Shape& shape, DType dtype) {
  Tensor tensor = empty(shape, dtype);
  fill_zero(tensor);
  return tensor;
}

Tensor Tensor::over(void* data, const Shape& shape, DType dtype, std::shared_ptr<const void> owner) {
  const size_t bytes = static_cast<size_t>(shape.elements()) * size_bytes_of(dtype);
  return {std::make_shared<Storage>(data, bytes, std::move(owner)), 0, shape, contiguous_strides(shape), dtype};
}

bool Tensor::is_contiguous() const { return elements() == 0 || strides_match(shape_, strides_, contiguous_strides(shape_)); }

bool Tensor::is_channels_last() const {
  return shape_.dims() == 4 && (elements() == 0 || strides_match(shape_, strides_, channels_last_strides(shape_)));
}

std::byte* Tensor::bytes() const { return storage_ ? storage_->data() + offset_bytes_ : nullptr; }

std::optional<Tensor> Tensor::view(const Shape& shape) const {
  if (shape == shape_) return *this;
  TESSERA_ASSERT(shape.elements() == elements(), "reshape from " + shape_.text() + " to " + shape.text() + " changes the number of elements");
  const std::optional<Shape> strides = view_strides(shape_, strides_, shape);
  if (!strides) return std::nullopt;
  return Tensor(storage_, offset_bytes_, shape, *strides, dtype_);
}

Tensor Tensor::reshape(const Shape& shape) const {
  const std::optional<Tensor> reshaped = view(shape);
  TESSERA_ASSERT(reshaped.has_value(), "reshape from " + shape_.text() + " to " + shape.text() + " needs a copy");
  return *reshaped;
}

Tensor Tensor::expand(const Shape& shape) const {
  TESSERA_ASSERT(shape.dims() >= shape_.dims(), "expand keeps all dims");
  Shape strides = shape;
  const size_t added = shape.dims() - shape_.dims();
  for (size_t dim = 0; dim < shape.dims(); ++dim) {
    const bool repeated = dim < added || (shape_[dim - added] == 1 && shape[dim] != 1);
    TESSERA_ASSERT(repeated || shape_[dim - added] == shape[dim], "expand from " + shape_.text() + " to " + shape.text());
    strides[dim] = repeated ? 0 : strides_[dim - added];
  }
  return {storage_, offset_bytes_, shape, strides, dtype_};
}

Tensor Tensor::narrow(size_t dim, int64_t begin, int64_t length) const {
  TESSERA_ASSERT(dim < shape_.dims() && begin >= 0 && length >= 0 && begin + length <= shape_[dim], "narrow is outside the tensor");
  Shape shape = shape_;
  shape[dim] = length;
  const size_t skip_bytes = static_cast<size_t>(begin * strides_[dim]) * size_bytes_of(dtype_);
  return {storage_, offset_bytes_ + skip_bytes, shape, strides_, dtype_};
}

Tensor Tensor::every(size_t dim, int64_t step) const {
  TESSERA_ASSERT(dim < shape_.dims() && step >= 1, "every needs a dim of the tensor and a positive step");
  Shape shape = shape_, strides = strides_;
  shape[dim] = (shape_[dim] + step - 1) / step;
  strides[dim] = strides_[dim] * step;
  return {storage_, offset_bytes_, shape, strides, dtype_};
}

Tensor Tensor::permute(std::span<const size_t> order) const {
  TESSERA_ASSERT(order.size() == shape_.dims(), "permute needs every dim once");
  Shape shape = shape_, strides = strides_;
  for (size_t dim = 0; dim < order.size(); ++dim) {
    shape[dim] = shape_[order[dim]];
    strides[dim] = strides_[order[dim]];
  }
  return {storage_, offset_bytes_, shape, strides, dtype_};
}

Tensor Tensor::transpose() const {
  constexpr size_t kSwapped[] = {1, 0};
  return permute(kSwapped);
}

Tensor contiguous(const Tensor& tensor) {
  if (tensor.is_contiguous()) return tensor;
  Tensor copy = Tensor::empty(tensor.shape(), tensor.dtype());
  copy_into(tensor, copy);
  return copy;
}

Tensor in_order_of(const Tensor& tensor, const Tensor& like) {
  const bool plain = like.is_contiguous();
  if (plain ? tensor.is_contiguous() : tensor.is_channels_last()) return tensor;
  Tensor copy = plain ? Tensor::empty(tensor.shape(), tensor.dtype()) : Tensor::empty_channels_last(tensor.shape(), tensor.dtype());
  copy_into(tensor, copy);
  return copy;
}

void copy_into(const Tensor& from, const Tensor& to) {
  TESSERA_ASSERT(from.shape() == to.shape() && from.dtype() == to.dtype(), "copy_into needs equal shapes and dtypes");
  if (from.elements() == 0) return;
  const bool same_layout = (from.is_contiguous() && to.is_contiguous()) || (from.is_channels_last() && to.is_channels_last());
  if (same_layout) {
    std::memcpy(to.bytes(), from.bytes(), from.size_bytes());
  } else {
    copy_strided(from.bytes(), from.strides(), to.bytes(), to.strides(), from.shape(), size_bytes_of(from.dtype()));
  }
}

void fill_zero(const Tensor& tensor) {
  TESSERA_ASSERT(tensor.is_dense(), "fill_zero needs a dense tensor");
  std::memset(tensor.bytes(), 0, tensor.size_bytes());
}

}  // namespace tessera
