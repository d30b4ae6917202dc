// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/tensor/allocator.h"
#include "core/tensor/dtype.h"
#include "core/tensor/shape.h"

namespace tessera {

/// A block of memory that tensors share.
class Storage {
 public:
  Storage(size_t size_bytes, MemoryCategory category);
  /// Memory that something else owns (a memory map, for example); `owner` keeps it alive.
  Storage(void* data, size_t size_bytes, std::shared_ptr<const void> owner);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  std::byte* data() { return data_; }
  size_t size_bytes() const { return size_bytes_; }

  /// Counts updates of the contents, so that copies in other layouts (packed weights) know when they are stale.
  uint64_t version() const { return version_; }
  void bump_version() { ++version_; }

 private:
  std::byte* data_ = nullptr;
  size_t size_bytes_ = 0;
  MemoryCategory category_ = MemoryCategory::activations;
  bool allocated_ = true;
  uint64_t version_ = 1;
  std::shared_ptr<const void> owner_;
};

/// Storage + shape + strides + dtype. Copies and views share the memory and cost a reference count. Knows nothing of
/// gradients (autograd::Variable does).
class Tensor {
 public:
  Tensor() = default;

  /// Uninitialised memory of the thread's current MemoryScope. Row-major.
  static Tensor empty(const Shape& shape, DType dtype = DType::f32);
  /// Uninitialised logical [N, C, H, W], stored N, H, W, C.
  static Tensor empty_channels_last(const Shape& shape, DType dtype = DType::f32);
  static Tensor zeros(const Shape& shape, DType dtype = DType::f32);
  /// A row-major tensor over foreign memory.
  static Tensor over(void* data, const Shape& shape, DType dtype, std::shared_ptr<const void> owner);
  template <typename Element>
  static Tensor of(std::span<const Element> values, const Shape& shape);

  bool defined() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  const Shape& strides() const { return strides_; }
  DType dtype() const { return dtype_; }
  Device device() const { return Device::cpu; }
  int64_t elements() const { return shape_.elements(); }
  size_t size_bytes() const { return static_cast<size_t>(elements()) * size_bytes_of(dtype_); }

  bool is_contiguous() const;
  bool is_channels_last() const;
  /// Contiguous or channels-last: the elements fill one gapless range of memory.
  bool is_dense() const { return is_contiguous() || is_channels_last(); }

  /// First element; the element type must be the dtype's.
  template <typename Element>
  Element* data() const;
  std::byte* bytes() const;

  /// The same elements in row-major order under another shape of as many elements; a view, or nothing where only a copy can have it.
  std::optional<Tensor> view(const Shape& shape) const;
  /// The same where a view is known to do: of a contiguous tensor, say.
  Tensor reshape(const Shape& shape) const;
  /// Dims of size 1, and dims missing in front, repeated to `shape`; a view whose repeated elements share their memory.
  Tensor expand(const Shape& shape) const;
  /// Elements [begin, begin + length) of `dim`; a view.
  Tensor narrow(size_t dim, int64_t begin, int64_t length) const;
  /// Elements 0, step, 2 * step, ... of `dim`; a view.
  Tensor every(size_t dim, int64_t step) const;
  /// Dims in another order; a view.
  Tensor permute(std::span<const size_t> order) const;
  /// Two-dim transpose; a view.
  Tensor transpose() const;

  const std::shared_ptr<Storage>& storage() const { return storage_; }

 private:
  Tensor(std::shared_ptr<Storage> storage, size_t offset_bytes, const Shape& shape, const Shape& strides, DType dtype);

  std::shared_ptr<Storage> storage_;
  size_t offset_bytes_ = 0;
  Shape shape_;
  Shape strides_;
  DType dtype_ = DType::f32;
};

/// A dense row-major copy (a view of the same memory where it already is one).
Tensor contiguous(const Tensor& tensor);
/// `tensor` in the memory order of `like`, which is dense and of the same shape; a copy where it lies otherwise.
Tensor in_order_of(const Tensor& tensor, const Tensor& like);
/// Copies all elements; shapes and dtypes must agree, strides need not.
void copy_into(const Tensor& from, const Tensor& to);
void fill_zero(const Tensor& tensor);

template <typename Element>
Element* Tensor::data() const {
  return reinterpret_cast<Element*>(bytes());
}

template <typename Element>
Tensor Tensor::of(std::span<const Element> values, const Shape& shape) {
  Tensor tensor = empty(shape, dtype_of<Element>());
  Element* out = tensor.data<Element>();
  for (size_t i = 0; i < values.size(); ++i) out[i] = values[i];
  return tensor;
}

}  // namespace tessera
