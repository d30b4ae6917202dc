// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "core/ops/normalisation.h"
#include "tests/core/ops/op_table.h"

namespace tessera::test {
namespace {

using autograd::Variable;

/// inputs: x, weight, bias and, where asked, residual
Numbers batch_norm_reference(const std::vector<Numbers>& in, int64_t samples, int64_t channels, int64_t pixels, bool relu) {
  Numbers y(in[0].size());
  const auto place = [&](int64_t n, int64_t c, int64_t p) { return static_cast<size_t>((n * channels + c) * pixels + p); };
  for (int64_t c = 0; c < channels; ++c) {
    double sum = 0.0, squares = 0.0;
    for (int64_t n = 0; n < samples; ++n)
      for (int64_t p = 0; p < pixels; ++p) sum += in[0][place(n, c, p)];
    const double mean = sum / static_cast<double>(samples * pixels);
    for (int64_t n = 0; n < samples; ++n)
      for (int64_t p = 0; p < pixels; ++p) squares += (in[0][place(n, c, p)] - mean) * (in[0][place(n, c, p)] - mean);
    const double inverse = 1.0 / std::sqrt(squares / static_cast<double>(samples * pixels) + 1e-5);
    for (int64_t n = 0; n < samples; ++n)
      for (int64_t p = 0; p < pixels; ++p) {
        const size_t i = place(n, c, p);
        double value = (in[0][i] - mean) * inverse * in[1][static_cast<size_t>(c)] + in[2][static_cast<size_t>(c)];
        if (in.size() > 3) value += in[3][i];
        y[i] = relu ? std::max(value, 0.0) : value;
      }
  }
  return y;
}

OpRow batch_norm_row(const Shape& x, bool relu, bool residual) {
  const int64_t pixels = x.elements() / (x[0] * x[1]);
  const bool image = x.dims() == 4;
  std::vector<OpInput> inputs = {{x, image, -1.0, 3.0}, {{x[1]}, false, 0.5, 1.5}, {{x[1]}}};
  if (residual) inputs.push_back({x, image});
  return {"batch_norm " + x.text() + (relu ? " relu" : "") + (residual ? " residual" : ""), inputs,
          [=](const std::vector<Variable>& in) {
            const ops::BatchStatistics statistics{Tensor::empty({x[1]}), Tensor::empty({x[1]})};
            return ops::batch_norm(in[0], in[1], in[2], residual ? in[3] : Variable(), {1e-5, relu}, statistics);
          },
          [=](const std::vector<Numbers>& in) { return batch_norm_reference(in, x[0], x[1], pixels, relu); }};
}

}  // namespace

std::vector<OpRow> normalisation_rows() {
  std::vector<OpRow> rows;
  for (const auto& [with_relu, residual] : {std::pair{false, false}, {true, false}, {false, true}, {true, true}}) {
    rows.push_back(batch_norm_row({3, 16, 5, 7}, with_relu, residual));
    rows.push_back(batch_norm_row({2, 21, 3, 3}, with_relu, residual));
  }
  rows.push_back(batch_norm_row({300, 5}, true, false));
  rows.push_back(batch_norm_row({2, 1, 9, 9}, true, true));
  return rows;
}

}  // namespace tessera::test
