// SPDX-License-Identifier: Apache-2.0
#include "core/ops/matmul.h"
#include "core/ops/view.h"
#include "tests/core/ops/op_table.h"

namespace tessera::test {
namespace {

using autograd::Variable;

/// How an input lies in memory before the op sees it: as it is, or as a transposed view of what is given.
struct Transposed {
  bool a = false, b = false;
};

Shape swapped(Shape shape, bool swap) {
  const size_t last = shape.dims() - 1;
  if (swap) std::swap(shape[last], shape[last - 1]);
  return shape;
}

struct Matrix {
  int64_t rows, columns;
  bool transposed;

  double at(const double* values, int64_t row, int64_t column) const { return values[transposed ? column * rows + row : row * columns + column]; }
};

/// The matrix of `x` that meets the i-th of the result, whose leading dims are `lead`.
int64_t matrix_of(int64_t i, const Shape& lead, const Shape& x) {
  int64_t place = 0, step = 1;
  for (size_t dim = lead.dims(), behind = 0; dim-- > 0; ++behind) {
    const int64_t index = i % lead[dim];
    i /= lead[dim];
    if (behind + 2 >= x.dims()) continue;
    const int64_t own = x[x.dims() - 3 - behind];
    place += own == 1 ? 0 : index * step;
    step *= own;
  }
  return place;
}

OpRow product_row(const Shape& a, const Shape& b, const Shape& lead, const Transposed& views = {}) {
  const Matrix left{a[a.dims() - 2], a[a.dims() - 1], views.a}, right{b[b.dims() - 2], b[b.dims() - 1], views.b};
  return {std::string("matmul ") + a.text() + (views.a ? " transposed " : " ") + b.text() + (views.b ? " transposed" : ""),
          {{swapped(a, views.a)}, {swapped(b, views.b)}},
          [=](const std::vector<Variable>& in) {
            return ops::matmul(views.a ? ops::transpose(in[0], -1, -2) : in[0], views.b ? ops::transpose(in[1], -1, -2) : in[1]);
          },
          [=](const std::vector<Numbers>& in) {
            Numbers y;
            for (int64_t i = 0; i < lead.elements(); ++i) {
              const double* first = in[0].data() + matrix_of(i, lead, a) * left.rows * left.columns;
              const double* second = in[1].data() + matrix_of(i, lead, b) * right.rows * right.columns;
              for (int64_t m = 0; m < left.rows; ++m)
                for (int64_t n = 0; n < right.columns; ++n) {
                  double sum = 0.0;
                  for (int64_t k = 0; k < left.columns; ++k) sum += left.at(first, m, k) * right.at(second, k, n);
                  y.push_back(sum);
                }
            }
            return y;
          }};
}

}  // namespace

std::vector<OpRow> matmul_rows() {
  std::vector<OpRow> rows;
  rows.push_back(product_row({3, 4}, {4, 5}, {}));
  rows.push_back(product_row({1, 1}, {1, 1}, {}));
  rows.push_back(product_row({33, 17}, {17, 65}, {}, {true, true}));
  rows.push_back(product_row({4, 7, 5}, {4, 5, 3}, {4}));
  rows.push_back(product_row({2, 3, 7, 5}, {2, 3, 5, 9}, {2, 3}, {false, true}));
  rows.push_back(product_row({2, 3, 7, 5}, {2, 3, 5, 9}, {2, 3}, {true, false}));
  rows.push_back(product_row({4, 6, 8}, {8, 3}, {4}));
  rows.push_back(product_row({2, 4, 6, 8}, {8, 3}, {2, 4}, {true, true}));
  rows.push_back(product_row({6, 8}, {3, 8, 5}, {3}));
  rows.push_back(product_row({2, 1, 4, 5}, {3, 5, 2}, {2, 3}));
  rows.push_back(product_row({1, 3, 4, 5}, {2, 1, 5, 2}, {2, 3}, {true, false}));
  rows.push_back(product_row({2, 2, 1, 5}, {2, 2, 5, 1}, {2, 2}, {true, true}));
  rows.push_back(product_row({2, 1, 3, 2, 2, 4}, {2, 1, 2, 4, 3}, {2, 2, 3, 2}));
  rows.push_back(product_row({2, 3, 1}, {2, 1, 4}, {2}));
  rows.push_back(product_row({2, 3, 0}, {2, 0, 4}, {2}));
  rows.push_back(product_row({0, 3, 4}, {0, 4, 2}, {0}));
  rows.push_back(product_row({2, 0, 4}, {4, 2}, {2}));
  return rows;
}

}  // namespace tessera::test
