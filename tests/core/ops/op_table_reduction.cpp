// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "core/ops/reduction.h"
#include "tests/core/ops/op_table.h"

namespace tessera::test {
namespace {

using autograd::Variable;
using ops::Dims;

/// The elements of each result, in row-major order of the results.
std::vector<Numbers> groups(const Numbers& x, const Shape& shape, const Dims& dims) {
  const auto reduced = [&](size_t dim) { return std::find(dims.begin(), dims.end(), static_cast<int64_t>(dim)) != dims.end(); };
  size_t count = 1;
  for (size_t dim = 0; dim < shape.dims(); ++dim) count *= reduced(dim) ? 1 : static_cast<size_t>(shape[dim]);
  std::vector<Numbers> result(count);
  for (size_t i = 0; i < x.size(); ++i) {
    size_t group = 0, step = 1, rest = i;
    for (size_t dim = shape.dims(); dim-- > 0;) {
      const auto size = static_cast<size_t>(shape[dim]);
      if (!reduced(dim)) {
        group += rest % size * step;
        step *= size;
      }
      rest /= size;
    }
    result[group].push_back(x[i]);
  }
  return result;
}

double sum(const Numbers& x) {
  double total = 0.0;
  for (double value : x) total += value;
  return total;
}
double mean(const Numbers& x) { return sum(x) / static_cast<double>(x.size()); }
double variance(const Numbers& x) {
  double squares = 0.0;
  for (double value : x) squares += (value - mean(x)) * (value - mean(x));
  return squares / static_cast<double>(x.size() - 1);
}
double largest(const Numbers& x) { return *std::max_element(x.begin(), x.end()); }
double smallest(const Numbers& x) { return *std::min_element(x.begin(), x.end()); }

using Reduction = Variable (*)(const Variable&, const Dims&, bool);

/// Four dims are given channels-last.
OpRow row(const char* name, const Shape& shape, const Dims& dims, bool keep, Reduction op, double (*function)(const Numbers&)) {
  return {std::string(name) + " " + shape.text() + " over " + Shape(dims).text() + (keep ? " kept" : ""), {{shape, shape.dims() == 4, -1.0, 3.0}},
          [=](const std::vector<Variable>& in) { return op(in[0], dims, keep); },
          [=](const std::vector<Numbers>& in) {
            Numbers y;
            for (const Numbers& group : groups(in[0], shape, dims)) y.push_back(function(group));
            return y;
          }};
}

}  // namespace

std::vector<OpRow> reduction_rows() {
  std::vector<OpRow> rows;
  const std::vector<std::pair<Shape, Dims>> cases = {{{5, 7}, {1}},          {{5, 7}, {0}},           {{3, 37}, {0, 1}},      {{3, 4, 5, 6}, {1, 3}},
                                                     {{3, 4, 5, 6}, {0, 2}}, {{3, 4, 5, 6}, {2, 3}}, {{2, 3, 4, 5}, {0, 2, 3}}, {{2, 300, 33}, {1}},    {{9000}, {0}},
                                                     {{2, 1, 3}, {1}},       {{1, 1}, {0, 1}},        {{0, 3}, {1}},          {{2, 2, 3, 2, 2, 2}, {0, 2, 4}}};
  for (const auto& [shape, dims] : cases) {
    for (const bool keep : {false, true}) {
      rows.push_back(row("sum", shape, dims, keep, ops::sum, sum));
      rows.push_back(row("mean", shape, dims, keep, ops::mean, mean));
      rows.push_back(row("max", shape, dims, keep, ops::max, largest));
      rows.push_back(row("min", shape, dims, keep, ops::min, smallest));
    }
  }
  rows.push_back(row("sum", {0, 3}, {0}, false, ops::sum, sum));
  const Reduction unbiased = [](const Variable& x, const Dims& dims, bool keep) { return ops::variance(x, dims, 1, keep); };
  rows.push_back(row("variance", {6, 40}, {1}, false, unbiased, variance));
  rows.push_back(row("variance", {3, 4, 5, 6}, {0, 2, 3}, true, unbiased, variance));
  return rows;
}

}  // namespace tessera::test
