// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "core/ops/activation.h"
#include "tests/core/ops/op_table.h"

namespace tessera::test {
namespace {

using autograd::Variable;

Numbers map(const Numbers& x, double (*function)(double)) {
  Numbers y(x.size());
  std::transform(x.begin(), x.end(), y.begin(), function);
  return y;
}

OpRow unary_row(const char* name, const OpInput& input, Variable (*op)(const Variable&), double (*function)(double)) {
  return {std::string(name) + " " + input.shape.text(), {input},
          [op](const std::vector<Variable>& in) { return op(in[0]); },
          [function](const std::vector<Numbers>& in) { return map(in[0], function); }};
}

}  // namespace

std::vector<OpRow> activation_rows() {
  std::vector<OpRow> rows;
  const auto relu = [](double x) { return std::max(x, 0.0); };
  const auto sigmoid = [](double x) { return 1.0 / (1.0 + std::exp(-x)); };
  const auto hyperbolic = [](double x) { return std::tanh(x); };
  for (const OpInput& input : {OpInput{{7, 13}}, OpInput{{1}}, OpInput{{2, 3, 5, 7}, true}, OpInput{{4099}, false, -12.0, 12.0}, OpInput{{0, 5}}}) {
    rows.push_back(unary_row("relu", input, ops::relu, relu));
    rows.push_back(unary_row("tanh", input, ops::tanh, hyperbolic));
    rows.push_back(unary_row("sigmoid", input, ops::sigmoid, sigmoid));
  }
  return rows;
}

}  // namespace tessera::test
