// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "core/base/error.h"
#include "core/ops/embedding.h"
#include "core/ops/linear.h"
#include "core/ops/linears.h"
#include "tests/core/ops/op_table.h"

namespace tessera::test {
namespace {

using autograd::Variable;

double activated(double x, const std::optional<UnaryOp>& activation) {
  if (!activation) return x;
  if (*activation == UnaryOp::tanh) return std::tanh(x);
  TESSERA_ASSERT(*activation == UnaryOp::gelu, "an activation without a reference");
  return 0.5 * x * (1.0 + std::erf(x / std::sqrt(2.0)));
}

OpRow linear_row(int64_t rows, int64_t in_features, int64_t out_features, bool in_out = false, std::optional<UnaryOp> activation = {}) {
  const std::string name = std::string("linear") + (in_out ? "_in_out " : " ") + (!activation ? "" : *activation == UnaryOp::gelu ? "gelu " : "tanh ");
  return {name + Shape{rows, in_features, out_features}.text(),
          {{{rows, in_features}}, {in_out ? Shape{in_features, out_features} : Shape{out_features, in_features}}, {{out_features}}},
          [=](const std::vector<Variable>& in) { return ops::linear(in[0], in[1], in[2], {.in_out = in_out, .activation = activation}); },
          [=](const std::vector<Numbers>& in) {
            Numbers y;
            for (int64_t r = 0; r < rows; ++r)
              for (int64_t o = 0; o < out_features; ++o) {
                double sum = in[2][static_cast<size_t>(o)];
                for (int64_t i = 0; i < in_features; ++i)
                  sum += in[0][static_cast<size_t>(r * in_features + i)] * in[1][static_cast<size_t>(in_out ? i * out_features + o : o * in_features + i)];
                y.push_back(activated(sum, activation));
              }
            return y;
          }};
}

/// Two layers side by side are one whose weights lie below each other.
OpRow linears_row(int64_t rows, int64_t in_features, int64_t first, int64_t second) {
  const OpRow whole = linear_row(rows, in_features, first + second);
  return {"linears " + Shape{rows, in_features, first, second}.text(), {{Shape{rows, in_features}}, {Shape{first, in_features}}, {Shape{second, in_features}}, {Shape{first}}, {Shape{second}}},
          [](const std::vector<Variable>& in) { return ops::linears(in[0], std::vector{in[1], in[2]}, std::vector{in[3], in[4]}); },
          [=](const std::vector<Numbers>& in) {
            Numbers weight = in[1], bias = in[3];
            weight.insert(weight.end(), in[2].begin(), in[2].end());
            bias.insert(bias.end(), in[4].begin(), in[4].end());
            return whole.reference({in[0], weight, bias});
          }};
}

/// The place-th of ids that repeat and leave some out.
int64_t id_at(int64_t place, int64_t rows) { return place * place * 5 % rows; }

OpRow embedding_row(const Shape& ids, int64_t rows, int64_t columns) {
  return {"embedding " + ids.text() + " of " + Shape{rows, columns}.text(), {{{rows, columns}}},
          [=](const std::vector<Variable>& in) {
            std::vector<int64_t> values;
            for (int64_t i = 0; i < ids.elements(); ++i) values.push_back(id_at(i, rows));
            return ops::embedding(Tensor::of<int64_t>(values, ids), in[0]);
          },
          [=](const std::vector<Numbers>& in) {
            Numbers y;
            for (int64_t i = 0; i < ids.elements(); ++i) {
              for (int64_t c = 0; c < columns; ++c) y.push_back(in[0][static_cast<size_t>(id_at(i, rows) * columns + c)]);
            }
            return y;
          }};
}

}  // namespace

std::vector<OpRow> linear_rows() {
  std::vector<OpRow> rows;
  for (const Shape& s : {Shape{1, 1, 1}, Shape{5, 7, 3}, Shape{64, 120, 84}, Shape{3, 1, 9}, Shape{0, 4, 3}, Shape{8, 8, 8}, Shape{1, 33, 17}, Shape{13, 9, 70}}) {
    rows.push_back(linear_row(s[0], s[1], s[2]));
    rows.push_back(linear_row(s[0], s[1], s[2], true));
    rows.push_back(linear_row(s[0], s[1], s[2], true, UnaryOp::gelu));
    rows.push_back(linear_row(s[0], s[1], s[2], false, UnaryOp::tanh));
  }
  rows.push_back(linears_row(5, 7, 3, 4));
  rows.push_back(linears_row(1, 16, 16, 1));
  rows.push_back(embedding_row({2, 9}, 11, 7));
  rows.push_back(embedding_row({3, 1, 5}, 64, 33));
  rows.push_back(embedding_row({}, 3, 4));
  rows.push_back(embedding_row({20}, 1, 1));
  rows.push_back(embedding_row({0}, 5, 2));
  return rows;
}

}  // namespace tessera::test
