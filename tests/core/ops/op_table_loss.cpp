// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "core/ops/loss.h"
#include "tests/core/ops/op_table.h"

namespace tessera::test {
namespace {

using autograd::Variable;

constexpr int64_t kIgnored = -100;

struct CrossEntropyCase {
  Shape logits;
  double range = 3.0, smoothing = 0.0;
  bool weighted = false, ignoring = false;

  int64_t classes() const { return logits[logits.dims() - 1]; }
  int64_t rows() const { return logits.elements() / classes(); }
  int64_t target(int64_t row) const { return ignoring && row % 3 == 1 ? kIgnored : row * 7 % classes(); }
  double weight(int64_t c) const { return weighted ? 0.25 * static_cast<double>(c % 5) : 1.0; }

  std::string name() const {
    return "cross_entropy " + logits.text() + (smoothing > 0.0 ? " smoothed" : "") + (weighted ? " weighted" : "") + (ignoring ? " ignoring" : "");
  }
  Variable run(const Variable& x) const {
    std::vector<int64_t> targets;
    for (int64_t row = 0; row < rows(); ++row) targets.push_back(target(row));
    std::vector<float> weights;
    for (int64_t c = 0; c < classes(); ++c) weights.push_back(static_cast<float>(weight(c)));
    ops::CrossEntropyOptions options{smoothing, weighted ? Tensor::of<float>(weights, {classes()}) : Tensor(), {}};
    if (ignoring) options.ignore_index = kIgnored;
    const Shape shape(std::span<const int64_t>(logits.begin(), logits.dims() - 1));
    return ops::cross_entropy(x, Tensor::of<int64_t>(targets, shape), options).sum;
  }
  double row_loss(const double* x, int64_t target) const {
    const double largest = *std::max_element(x, x + classes());
    double sum = 0.0, uniform = 0.0;
    for (int64_t c = 0; c < classes(); ++c) sum += std::exp(x[c] - largest);
    const auto surprise = [&](int64_t c) { return std::log(sum) + largest - x[c]; };
    for (int64_t c = 0; c < classes(); ++c) uniform += weight(c) * surprise(c) / static_cast<double>(classes());
    return (1.0 - smoothing) * weight(target) * surprise(target) + smoothing * uniform;
  }
};

OpRow cross_entropy_row(const CrossEntropyCase& which) {
  return {which.name(), {{which.logits, false, -which.range, which.range}}, [=](const std::vector<Variable>& in) { return which.run(in[0]); },
          [=](const std::vector<Numbers>& in) {
            double loss = 0.0;
            for (int64_t row = 0; row < which.rows(); ++row) {
              if (which.target(row) != kIgnored) loss += which.row_loss(in[0].data() + row * which.classes(), which.target(row));
            }
            return Numbers{loss};
          }};
}

struct ElementCase {
  const char* name;
  ops::LossSum (*op)(const Variable& x, const Tensor& targets);
  double (*function)(double x, double t, size_t column);
};

constexpr float kPositive[] = {0.5f, 2.0f, 1.0f, 3.5f, 1.25f};  // weights of the columns of [.., 5]

double binary(double x, double t, double positive) { return positive * t * std::log1p(std::exp(-x)) + (1.0 - t) * std::log1p(std::exp(x)); }

double smooth(double x, double t, double beta) {
  const double distance = std::fabs(x - t);
  return distance < beta ? 0.5 * distance * distance / beta : distance - 0.5 * beta;
}

const ElementCase kElementCases[] = {
    {"binary_cross_entropy", [](const Variable& x, const Tensor& t) { return ops::binary_cross_entropy(x, t); },
     [](double x, double t, size_t) { return binary(x, t, 1.0); }},
    {"binary_cross_entropy weighted", [](const Variable& x, const Tensor& t) { return ops::binary_cross_entropy(x, t, Tensor::of<float>(kPositive, {5})); },
     [](double x, double t, size_t column) { return binary(x, t, static_cast<double>(kPositive[column])); }},
    {"squared_error", ops::squared_error, [](double x, double t, size_t) { return (x - t) * (x - t); }},
    {"absolute_error", ops::absolute_error, [](double x, double t, size_t) { return std::fabs(x - t); }},
    {"smooth_absolute_error", [](const Variable& x, const Tensor& t) { return ops::smooth_absolute_error(x, t); },
     [](double x, double t, size_t) { return smooth(x, t, 1.0); }},
    {"smooth_absolute_error beta 0.3", [](const Variable& x, const Tensor& t) { return ops::smooth_absolute_error(x, t, 0.3); },
     [](double x, double t, size_t) { return smooth(x, t, static_cast<double>(0.3f)); }},
};

/// In [0, 1], both ends included.
float target_of(size_t i) { return static_cast<float>(i * 5 % 9) / 8.0f; }

OpRow element_row(const ElementCase& which, const Shape& shape, double range) {
  return {std::string(which.name) + " " + shape.text(), {{shape, false, -range, range}},
          [=](const std::vector<Variable>& in) {
            std::vector<float> targets;
            for (int64_t i = 0; i < shape.elements(); ++i) targets.push_back(target_of(static_cast<size_t>(i)));
            return which.op(in[0], Tensor::of<float>(targets, shape)).sum;
          },
          [=](const std::vector<Numbers>& in) {
            double sum = 0.0;
            for (size_t i = 0; i < in[0].size(); ++i) sum += which.function(in[0][i], static_cast<double>(target_of(i)), i % 5);
            return Numbers{sum};
          }};
}

}  // namespace

std::vector<OpRow> loss_rows() {
  std::vector<OpRow> rows;
  for (const double smoothing : {0.0, 0.1}) {
    for (const bool weighted : {false, true}) {
      for (const bool ignoring : {false, true}) rows.push_back(cross_entropy_row({{5, 10}, 3.0, smoothing, weighted, ignoring}));
      rows.push_back(cross_entropy_row({{33, 1001}, 5.0, smoothing, weighted, false}));
    }
  }
  rows.push_back(cross_entropy_row({{1, 2}, 50.0}));
  rows.push_back(cross_entropy_row({{2, 70, 3}, 3.0, 0.2, true, true}));
  rows.push_back(cross_entropy_row({{0, 3}}));
  for (const ElementCase& which : kElementCases) {
    rows.push_back(element_row(which, {3, 5}, 2.0));
    rows.push_back(element_row(which, {2, 1, 821, 5}, 9.0));
    rows.push_back(element_row(which, {0, 5}, 1.0));
  }
  return rows;
}

}  // namespace tessera::test
