// SPDX-License-Identifier: Apache-2.0
#include "core/ops/shape.h"

#include "core/base/error.h"

namespace tessera::ops {
namespace {

class FlattenNode final : public autograd::Node {
 public:
  explicit FlattenNode(const Shape& shape) : shape_(shape) {}

  const char* name() const override { return "flatten"; }
  void backward(const Tensor& gradient) override { give(0, contiguous(gradient).reshape(shape_)); }

 private:
  Shape shape_;
};

}  // namespace

Variable flatten(const Variable& x) {
  const Shape& shape = x.shape();
  if (shape.dims() == 0) throw Error(ErrorKind::usage, "flatten needs at least one dim");
  if (shape.dims() == 2) return x;
  int64_t features = 1;
  for (size_t dim = 1; dim < shape.dims(); ++dim) features *= shape[dim];
  return autograd::record<FlattenNode>(contiguous(x.value()).reshape({shape[0], features}), {&x}, shape);
}

}  // namespace tessera::ops
