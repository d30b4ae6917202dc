// SPDX-License-Identifier: Apache-2.0
#include "core/ops/matmul.h"

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

#include "core/kernels/kernels.h"
#include "core/ops/broadcast.h"
#include "core/ops/checks.h"

namespace tessera::ops {
namespace {

int64_t rows_of(const Shape& shape) { return shape[shape.dims() - 2]; }
int64_t columns_of(const Shape& shape) { return shape[shape.dims() - 1]; }
Shape leading(const Shape& shape) { return Shape(std::span(shape.begin(), shape.dims() - 2)); }

Shape with_leading(const Shape& lead, int64_t rows, int64_t columns) {
  std::vector<int64_t> dims(lead.begin(), lead.end());
  dims.push_back(rows);
  dims.push_back(columns);
  return Shape(dims);
}

Tensor transposed(const Tensor& x) {
  std::vector<size_t> order(x.shape().dims());
  for (size_t dim = 0; dim < order.size(); ++dim) order[dim] = dim;
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  return x.permute(order);
}

/// A matrix as the kernel takes it: with strides of its own where a dim of size 1 leaves them open.
struct Strides {
  int64_t row, column;
};

std::optional<Strides> matrix_strides(const Tensor& x) {
  const size_t dims = x.shape().dims();
  const int64_t rows = rows_of(x.shape()), columns = columns_of(x.shape());
  const int64_t row = x.strides()[dims - 2], column = x.strides()[dims - 1];
  if (columns == 1 || column == 1) {
    if (rows == 1) return Strides{columns, 1};
    if (row >= columns) return Strides{row, 1};
  }
  if (rows == 1 || row == 1) {
    if (columns == 1) return Strides{1, rows};
    if (column >= rows) return Strides{1, column};
  }
  return std::nullopt;
}

/// Repeated leading dims (stride 0) are left to the kernel to repeat, if the other input has them in full.
struct Operand {
  Tensor tensor;
  Shape shape, strides;

  Operand(const Tensor& x, const Tensor& other) : tensor(matrix_strides(x) ? x : contiguous(x)), shape(tensor.shape()), strides(tensor.strides()) {
    const size_t dims = shape.dims();
    for (size_t dim = 0; dim + 2 < dims; ++dim) {
      if (strides[dim] == 0 && shape[dim] > 1 && (other.shape()[dim] != shape[dim] || other.strides()[dim] == 0)) {
        tensor = contiguous(x);
        shape = tensor.shape(), strides = tensor.strides();
      }
    }
    const Strides matrix = *matrix_strides(tensor);
    strides[dims - 2] = matrix.row, strides[dims - 1] = matrix.column;
    for (size_t dim = 0; dim + 2 < dims; ++dim) {
      if (strides[dim] == 0) shape[dim] = 1;
      if (shape[dim] == 1) strides[dim] = rows_of(shape) * columns_of(shape);
    }
  }
};

/// `x` with dims of size 1 in front, so that it has `dims` of them.
Tensor raised(const Tensor& x, size_t dims) {
  std::vector<int64_t> shape(dims - x.shape().dims(), 1);
  shape.insert(shape.end(), x.shape().begin(), x.shape().end());
  return x.reshape(Shape(shape));
}

/// Where all of a's matrices meet one b, they are one matrix of many rows.
bool is_one_matrix(const Tensor& x) { return leading(x.shape()).elements() == 1; }

/// a's matrices under each other, as a view.
std::optional<Tensor> stacked(const Tensor& a) {
  const int64_t columns = columns_of(a.shape()), rows = leading(a.shape()).elements() * rows_of(a.shape());
  std::optional<Tensor> matrix = a.view({rows, columns});
  return matrix && matrix_strides(*matrix) ? matrix : std::nullopt;
}

/// out = a b; out is row-major, its leading dims are those the inputs' grow to.
void multiply_into(const Tensor& a, const Tensor& b, const Tensor& out) {
  if (out.elements() == 0) return;
  if (columns_of(a.shape()) == 0) return fill_zero(out);
  if (out.shape().dims() > 2 && is_one_matrix(b)) {
    if (const auto matrix = stacked(a); matrix && columns_of(out.shape()) * matrix->shape()[0] == out.elements()) {
      return multiply_into(*matrix, b.reshape({rows_of(b.shape()), columns_of(b.shape())}), out.reshape({matrix->shape()[0], columns_of(out.shape())}));
    }
  }
  const size_t dims = out.shape().dims();
  const Tensor first = raised(a, dims), second = raised(b, dims);
  const Operand left(first, second), right(second, left.tensor);
  kernels_for(out.device())
      .matmul.batched_matmul({{left.shape, left.strides, right.shape, right.strides, out.shape()},
                              left.tensor.data<float>(), right.tensor.data<float>(), out.data<float>()});
}

Tensor product(const Tensor& a, const Tensor& b, const Shape& lead) {
  Tensor out = Tensor::empty(with_leading(lead, rows_of(a.shape()), columns_of(b.shape())));
  multiply_into(a, b, out);
  return out;
}

class MatmulNode final : public autograd::Node {
 public:
  MatmulNode(Tensor a, Tensor b, Precision precision) : a_(std::move(a)), b_(std::move(b)), precision_(precision) {}

  const char* name() const override { return "matmul"; }
  void backward(const Tensor& gradient) override {
    const Tensor dy = rounded(dense(gradient), precision_);
    const Shape lead = leading(dy.shape());
    if (wants(1)) give(1, gradient_of_b(contiguous(dy), lead));
    if (wants(0)) give(0, sum_to(product(dy, transposed(b_), lead), a_.shape()));
  }

 private:
  Tensor gradient_of_b(const Tensor& dy, const Shape& lead) const {
    if (!is_one_matrix(b_) || leading(a_.shape()) != lead) return sum_to(product(transposed(a_), dy, lead), b_.shape());
    // One product sums over the leading dims, too.
    const int64_t rows = lead.elements() * rows_of(dy.shape());
    const Tensor a = stacked(a_).value_or(contiguous(a_).reshape({rows, columns_of(a_.shape())}));
    return product(a.transpose(), dy.reshape({rows, columns_of(dy.shape())}), {}).reshape(b_.shape());
  }

  Tensor a_, b_;  // as they were multiplied
  Precision precision_;
};

}  // namespace

Variable matmul(const Variable& a, const Variable& b, Precision precision) {
  require_f32("matmul", a.value());
  require_f32("matmul", b.value());
  if (a.shape().dims() < 2 || b.shape().dims() < 2) fail_shapes("matmul", "both inputs need two dims or more", a.shape(), b.shape());
  if (columns_of(a.shape()) != rows_of(b.shape())) fail_shapes("matmul", "columns of the first and rows of the second input differ", a.shape(), b.shape());
  const Shape lead = broadcast_shape("matmul", leading(a.shape()), leading(b.shape()));
  const Tensor left = rounded(a.value(), precision), right = rounded(b.value(), precision);
  return autograd::record<MatmulNode>(product(left, right, lead), {&a, &b}, left, right, precision);
}

}  // namespace tessera::ops
