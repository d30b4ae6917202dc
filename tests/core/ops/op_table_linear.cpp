// SPDX-License-Identifier: Apache-2.0
#include "core/ops/linear.h"
#include "tests/core/ops/op_table.h"

namespace tessera::test {
namespace {

using autograd::Variable;

OpRow linear_row(int64_t rows, int64_t in_features, int64_t out_features) {
  return {"linear " + Shape{rows, in_features, out_features}.text(),
          {{{rows, in_features}}, {{out_features, in_features}}, {{out_features}}},
          [](const std::vector<Variable>& in) { return ops::linear(in[0], in[1], in[2]); },
          [=](const std::vector<Numbers>& in) {
            Numbers y;
            for (int64_t r = 0; r < rows; ++r)
              for (int64_t o = 0; o < out_features; ++o) {
                double sum = in[2][static_cast<size_t>(o)];
                for (int64_t i = 0; i < in_features; ++i)
                  sum += in[0][static_cast<size_t>(r * in_features + i)] * in[1][static_cast<size_t>(o * in_features + i)];
                y.push_back(sum);
              }
            return y;
          }};
}

}  // namespace

std::vector<OpRow> linear_rows() {
  std::vector<OpRow> rows;
  for (const Shape& s : {Shape{1, 1, 1}, Shape{5, 7, 3}, Shape{64, 120, 84}, Shape{3, 1, 9}, Shape{0, 4, 3}}) rows.push_back(linear_row(s[0], s[1], s[2]));
  return rows;
}

}  // namespace tessera::test
