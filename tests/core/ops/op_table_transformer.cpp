// SPDX-License-Identifier: Apache-2.0
// Ops that fuse what transformers do around attention.
#include <algorithm>
#include <cmath>

#include "core/ops/activation.h"
#include "core/ops/linear_cross_entropy.h"
#include "core/ops/normalisation.h"
#include "core/ops/rotary.h"
#include "tests/core/ops/op_table.h"

namespace tessera::test {
namespace {

using autograd::Variable;

/// Layer norm (with bias) or RMS norm of a + b over rows of `columns`.
Numbers norm_reference(const Numbers& a, const Numbers& b, const Numbers& weight, const Numbers* bias) {
  const size_t columns = weight.size();
  Numbers y(a.size());
  for (size_t begin = 0; begin < a.size(); begin += columns) {
    double mean = 0.0, squares = 0.0;
    const auto x = [&](size_t i) { return a[begin + i] + (b.empty() ? 0.0 : b[begin + i]); };
    for (size_t i = 0; bias && i < columns; ++i) mean += x(i) / static_cast<double>(columns);
    for (size_t i = 0; i < columns; ++i) squares += (x(i) - mean) * (x(i) - mean) / static_cast<double>(columns);
    for (size_t i = 0; i < columns; ++i) y[begin + i] = (x(i) - mean) / std::sqrt(squares + 1e-5) * weight[i] + (bias ? (*bias)[i] : 0.0);
  }
  return y;
}

OpRow rms_norm_row(const Shape& x) {
  const Shape features{x[x.dims() - 1]};
  return {"rms_norm " + x.text(), {{x}, {features}}, [](const std::vector<Variable>& in) { return ops::rms_norm(in[0], in[1]); },
          [](const std::vector<Numbers>& in) { return norm_reference(in[0], {}, in[1], nullptr); }};
}

OpRow add_rms_norm_row(const Shape& x, bool of_sum) {
  const Shape features{x[x.dims() - 1]};
  return {std::string("add_rms_norm ") + (of_sum ? "sum " : "") + x.text(),
          {{x}, {x}, {features}},
          [=](const std::vector<Variable>& in) {
            const ops::NormalisedSum result = ops::add_rms_norm(in[0], in[1], in[2]);
            return of_sum ? result.sum : result.normalised;
          },
          [=](const std::vector<Numbers>& in) {
            if (!of_sum) return norm_reference(in[0], in[1], in[2], nullptr);
            Numbers sum = in[0];
            for (size_t i = 0; i < sum.size(); ++i) sum[i] += in[1][i];
            return sum;
          }};
}

/// The sum goes on beside what is normalised, as in a transformer: n(n(x + r) + (x + r)).
OpRow residual_stream_row(const Shape& x) {
  const Shape features{x[x.dims() - 1]};
  return {"add_layer_norm " + x.text(),
          {{x}, {x}, {features, false, 0.5, 1.5}, {features}},
          [=](const std::vector<Variable>& in) {
            const ops::NormalisedSum first = ops::add_layer_norm(in[0], in[1], features, in[2], in[3]);
            return ops::add_layer_norm(first.normalised, first.sum, features, in[2], in[3]).normalised;
          },
          [](const std::vector<Numbers>& in) {
            const Numbers first = norm_reference(in[0], in[1], in[2], &in[3]);
            Numbers sum = in[0];
            for (size_t i = 0; i < sum.size(); ++i) sum[i] += in[1][i];
            return norm_reference(first, sum, in[2], &in[3]);
          },
          2e-5};
}

OpRow swiglu_row(const Shape& shape) {
  return {"swiglu " + shape.text(), {{shape, false, -6.0, 6.0}, {shape}}, [](const std::vector<Variable>& in) { return ops::swiglu(in[0], in[1]); },
          [](const std::vector<Numbers>& in) {
            Numbers y;
            for (size_t i = 0; i < in[0].size(); ++i) y.push_back(in[0][i] / (1.0 + std::exp(-in[0][i])) * in[1][i]);
            return y;
          }};
}

OpRow rotary_row(const Shape& x, int64_t rotated_heads, RotaryPairs pairs) {
  return {std::string("rotary ") + (pairs == RotaryPairs::halves ? "halves " : "neighbours ") + std::to_string(rotated_heads) + " of " + x.text(),
          {{x}},
          [=](const std::vector<Variable>& in) { return ops::rotary(in[0], ops::rotary_table(3, x[1], x[3]), pairs, rotated_heads); },
          [=](const std::vector<Numbers>& in) {
            Numbers y = in[0];
            for (int64_t row = 0; row < x[0] * x[1]; ++row)
              for (int64_t head = 0; head < rotated_heads; ++head)
                for (int64_t i = 0; i < x[3] / 2; ++i) {
                  const int64_t begin = (row * x[2] + head) * x[3];
                  const auto a = static_cast<size_t>(begin + (pairs == RotaryPairs::halves ? i : 2 * i));
                  const auto b = static_cast<size_t>(begin + (pairs == RotaryPairs::halves ? i + x[3] / 2 : 2 * i + 1));
                  const double angle = static_cast<double>(3 + row % x[1]) / std::pow(10000.0, 2.0 * static_cast<double>(i) / static_cast<double>(x[3]));
                  y[a] = in[0][a] * std::cos(angle) - in[0][b] * std::sin(angle);
                  y[b] = in[0][a] * std::sin(angle) + in[0][b] * std::cos(angle);
                }
            return y;
          }};
}

/// inputs: x, weight, bias; every third row counts nothing, and weights of rows differ.
OpRow linear_cross_entropy_row(int64_t rows, int64_t features, int64_t classes, double smoothing) {
  const auto target = [=](int64_t row) { return row * 7 % classes; };
  const auto weight_of = [](int64_t row) { return row % 3 == 2 ? 0.0 : 0.5 + 0.25 * static_cast<double>(row % 4); };
  return {"linear_cross_entropy " + Shape{rows, features, classes}.text() + (smoothing > 0.0 ? " smoothed" : ""),
          {{{rows, features}}, {{classes, features}}, {{classes}}},
          [=](const std::vector<Variable>& in) {
            std::vector<int64_t> targets;
            std::vector<float> weights;
            for (int64_t row = 0; row < rows; ++row) targets.push_back(target(row)), weights.push_back(static_cast<float>(weight_of(row)));
            // The table's scalar loss is the op's result times the first of its random weights.
            ops::LinearCrossEntropyOptions options;
            options.loss.label_smoothing = smoothing;
            options.loss.row_weights = Tensor::of<float>(weights, {rows});
            options.gradient = first_weight();
            return ops::linear_cross_entropy(in[0], in[1], in[2], Tensor::of<int64_t>(targets, {rows}), options).loss.sum;
          },
          [=](const std::vector<Numbers>& in) {
            double loss = 0.0;
            for (int64_t row = 0; row < rows; ++row) {
              Numbers logits;
              for (int64_t c = 0; c < classes; ++c) {
                logits.push_back(in[2][static_cast<size_t>(c)]);
                for (int64_t i = 0; i < features; ++i) logits.back() += in[0][static_cast<size_t>(row * features + i)] * in[1][static_cast<size_t>(c * features + i)];
              }
              double sum = 0.0, mean = 0.0;
              for (double logit : logits) sum += std::exp(logit), mean += logit / static_cast<double>(classes);
              const double expected = (1.0 - smoothing) * logits[static_cast<size_t>(target(row))] + smoothing * mean;
              loss += weight_of(row) * (std::log(sum) - expected);
            }
            return Numbers{loss};
          }};
}

}  // namespace

std::vector<OpRow> transformer_rows() {
  std::vector<OpRow> rows;
  rows.push_back(rms_norm_row({7}));
  rows.push_back(rms_norm_row({3, 5, 33}));
  rows.push_back(rms_norm_row({0, 4}));
  rows.push_back(add_rms_norm_row({70, 20}, false));
  rows.push_back(add_rms_norm_row({4, 20}, true));
  rows.push_back(residual_stream_row({67, 24}));
  rows.push_back(residual_stream_row({2, 3, 5}));
  rows.push_back(swiglu_row({3, 17}));
  rows.push_back(swiglu_row({0}));
  rows.push_back(rotary_row({2, 5, 3, 8}, 2, RotaryPairs::halves));
  rows.push_back(rotary_row({2, 5, 3, 8}, 3, RotaryPairs::neighbours));
  rows.push_back(rotary_row({1, 1, 1, 2}, 1, RotaryPairs::halves));
  rows.push_back(linear_cross_entropy_row(7, 5, 11, 0.0));
  rows.push_back(linear_cross_entropy_row(1, 1, 1, 0.0));
  rows.push_back(linear_cross_entropy_row(20, 8, 33, 0.1));
  rows.push_back(linear_cross_entropy_row(0, 3, 4, 0.0));
  return rows;
}

}  // namespace tessera::test
