// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "core/ops/activation.h"
#include "core/ops/softmax.h"
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

struct UnaryCase {
  const char* name;
  Variable (*op)(const Variable&);
  double (*function)(double);
};

double relu(double x) { return std::max(x, 0.0); }
double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }
double gelu(double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }
double gelu_tanh(double x) { return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / std::acos(-1.0)) * (x + 0.044715 * x * x * x))); }

const UnaryCase kUnaryCases[] = {
    {"relu", ops::relu, relu},
    {"tanh", ops::tanh, [](double x) { return std::tanh(x); }},
    {"sigmoid", ops::sigmoid, sigmoid},
    {"leaky_relu", [](const Variable& x) { return ops::leaky_relu(x, 0.2); }, [](double x) { return x > 0.0 ? x : 0.2 * x; }},
    {"relu6", ops::relu6, [](double x) { return std::clamp(x, 0.0, 6.0); }},
    {"gelu", ops::gelu, gelu},
    {"gelu_tanh", ops::gelu_tanh, gelu_tanh},
    {"silu", ops::silu, [](double x) { return x * sigmoid(x); }},
    {"softplus", [](const Variable& x) { return ops::softplus(x); }, [](double x) { return x > 20.0 ? x : std::log1p(std::exp(x)); }},
    {"softplus beta 2 threshold 3", [](const Variable& x) { return ops::softplus(x, 2.0, 3.0); },
     [](double x) { return 2.0 * x > 3.0 ? x : std::log1p(std::exp(2.0 * x)) / 2.0; }},
};

OpRow softmax_row(const Shape& shape, bool logarithm, double range) {
  const int64_t columns = shape[shape.dims() - 1];
  return {std::string(logarithm ? "log_softmax " : "softmax ") + shape.text(), {{shape, false, -range, range}},
          [=](const std::vector<Variable>& in) { return logarithm ? ops::log_softmax(in[0]) : ops::softmax(in[0]); },
          [=](const std::vector<Numbers>& in) {
            Numbers y(in[0].size());
            for (size_t start = 0; start < y.size(); start += static_cast<size_t>(columns)) {
              const double* x = in[0].data() + start;
              const double largest = *std::max_element(x, x + columns);
              double sum = 0.0;
              for (int64_t c = 0; c < columns; ++c) sum += std::exp(x[c] - largest);
              for (int64_t c = 0; c < columns; ++c) y[start + static_cast<size_t>(c)] = logarithm ? x[c] - largest - std::log(sum) : std::exp(x[c] - largest) / sum;
            }
            return y;
          }};
}

}  // namespace

std::vector<OpRow> activation_rows() {
  std::vector<OpRow> rows;
  for (const OpInput& input : {OpInput{{7, 13}}, OpInput{{1}}, OpInput{{2, 3, 5, 7}, true}, OpInput{{4099}, false, -12.0, 12.0}, OpInput{{0, 5}}}) {
    for (const UnaryCase& unary : kUnaryCases) rows.push_back(unary_row(unary.name, input, unary.op, unary.function));
  }
  for (const bool logarithm : {false, true}) {
    rows.push_back(softmax_row({5, 7}, logarithm, 3.0));
    rows.push_back(softmax_row({2, 3, 4, 65}, logarithm, 8.0));
    rows.push_back(softmax_row({3, 1}, logarithm, 1.0));
    rows.push_back(softmax_row({2, 9001}, logarithm, 2.0));
    rows.push_back(softmax_row({0, 4}, logarithm, 1.0));
  }
  return rows;
}

}  // namespace tessera::test
