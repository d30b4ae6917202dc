// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "core/ops/arithmetic.h"
#include "core/ops/broadcast.h"
#include "tests/core/ops/op_table.h"

namespace tessera::test {
namespace {

using autograd::Variable;

/// The place in a row-major tensor `from` that place `i` of the row-major tensor it is repeated to shows.
size_t source(size_t i, const Shape& shape, const Shape& from) {
  size_t place = 0, step = 1;
  for (size_t dim = shape.dims(), behind = 0; dim-- > 0; ++behind) {
    const auto size = static_cast<size_t>(shape[dim]), index = i % size;
    i /= size;
    if (behind >= from.dims()) continue;
    const auto own = static_cast<size_t>(from[from.dims() - 1 - behind]);
    place += own == 1 ? 0 : index * step;
    step *= own;
  }
  return place;
}

using Binary = Variable (*)(const Variable&, const Variable&);

OpRow binary_row(const char* name, const OpInput& a, const OpInput& b, const Shape& out, Binary op, double (*function)(double, double)) {
  return {std::string(name) + " " + a.shape.text() + " " + b.shape.text(), {a, b}, [op](const std::vector<Variable>& in) { return op(in[0], in[1]); },
          [=](const std::vector<Numbers>& in) {
            Numbers y;
            for (size_t i = 0; i < static_cast<size_t>(out.elements()); ++i) y.push_back(function(in[0][source(i, out, a.shape)], in[1][source(i, out, b.shape)]));
            return y;
          }};
}

void add_binary_rows(std::vector<OpRow>& rows, const OpInput& a, OpInput b, const Shape& out) {
  b.lowest = 0.5, b.highest = 2.0;  // not too near to zero for a divisor
  rows.push_back(binary_row("add", a, b, out, ops::add, [](double x, double y) { return x + y; }));
  rows.push_back(binary_row("subtract", a, b, out, ops::subtract, [](double x, double y) { return x - y; }));
  rows.push_back(binary_row("multiply", a, b, out, ops::multiply, [](double x, double y) { return x * y; }));
  rows.push_back(binary_row("divide", a, b, out, ops::divide, [](double x, double y) { return x / y; }));
}

OpRow function_row(const char* name, const OpInput& input, Variable (*op)(const Variable&), double (*function)(double)) {
  return {std::string(name) + " " + input.shape.text(), {input}, [op](const std::vector<Variable>& in) { return op(in[0]); },
          [function](const std::vector<Numbers>& in) {
            Numbers y(in[0].size());
            std::transform(in[0].begin(), in[0].end(), y.begin(), function);
            return y;
          }};
}

}  // namespace

std::vector<OpRow> arithmetic_rows() {
  std::vector<OpRow> rows;
  add_binary_rows(rows, {{7, 13}}, {{7, 13}}, {7, 13});
  add_binary_rows(rows, {{2, 3, 5, 7}, true}, {{2, 3, 5, 7}, true}, {2, 3, 5, 7});
  add_binary_rows(rows, {{2, 3, 5, 7}, true}, {{3, 1, 1}}, {2, 3, 5, 7});
  add_binary_rows(rows, {{2, 1, 5, 1}}, {{4, 1, 3}}, {2, 4, 5, 3});
  add_binary_rows(rows, {{1}}, {{6, 700}}, {6, 700});
  add_binary_rows(rows, {{4, 1, 2, 1, 3, 1}}, {{5, 1, 2, 1, 2}}, {4, 5, 2, 2, 3, 2});
  add_binary_rows(rows, {{3, 0}}, {{1}}, {3, 0});
  for (const Shape& shape : {Shape{7, 13}, Shape{1}, Shape{2, 3, 5, 7}, Shape{4099}, Shape{0, 5}}) {
    const OpInput any{shape, shape.dims() == 4, -3.0, 3.0}, positive{shape, shape.dims() == 4, 0.01, 3.0};
    rows.push_back(function_row("exp", any, ops::exp, [](double x) { return std::exp(x); }));
    rows.push_back(function_row("log", positive, ops::log, [](double x) { return std::log(x); }));
    rows.push_back(function_row("sqrt", positive, ops::sqrt, [](double x) { return std::sqrt(x); }));
    rows.push_back(function_row("square", any, ops::square, [](double x) { return x * x; }));
    rows.push_back(function_row("negative", any, ops::negative, [](double x) { return -x; }));
    rows.push_back(function_row("absolute", any, ops::absolute, [](double x) { return std::fabs(x); }));
    rows.push_back(function_row("clamp", any, [](const Variable& x) { return ops::clamp(x, -0.5f, 2.0f); }, [](double x) { return std::clamp(x, -0.5, 2.0); }));
  }
  const OpInput some{{5, 21}, false, 0.5, 2.0};
  rows.push_back(function_row("x + 1.5", some, [](const Variable& x) { return ops::add(x, 1.5f); }, [](double x) { return x + 1.5; }));
  rows.push_back(function_row("x - 1.5", some, [](const Variable& x) { return ops::subtract(x, 1.5f); }, [](double x) { return x - 1.5; }));
  rows.push_back(function_row("1.5 - x", some, [](const Variable& x) { return ops::subtract(1.5f, x); }, [](double x) { return 1.5 - x; }));
  rows.push_back(function_row("x times 1.5", some, [](const Variable& x) { return ops::multiply(x, 1.5f); }, [](double x) { return x * 1.5; }));
  rows.push_back(function_row("x over 1.5", some, [](const Variable& x) { return ops::divide(x, 1.5f); }, [](double x) { return x / 1.5; }));
  rows.push_back(function_row("1.5 over x", some, [](const Variable& x) { return ops::divide(1.5f, x); }, [](double x) { return 1.5 / x; }));
  return rows;
}

}  // namespace tessera::test
