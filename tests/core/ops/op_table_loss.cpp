// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "core/ops/loss.h"
#include "tests/core/ops/op_table.h"

namespace tessera::test {
namespace {

using autograd::Variable;

OpRow cross_entropy_row(int64_t rows, int64_t classes, double range) {
  return {"cross_entropy " + Shape{rows, classes}.text(), {{{rows, classes}, false, -range, range}},
          [=](const std::vector<Variable>& in) {
            std::vector<int64_t> targets;
            for (int64_t r = 0; r < rows; ++r) targets.push_back((r * 7) % classes);
            return ops::cross_entropy(in[0], Tensor::of<int64_t>(targets, {rows}));
          },
          [=](const std::vector<Numbers>& in) {
            double loss = 0.0;
            for (int64_t r = 0; r < rows; ++r) {
              const double* logits = in[0].data() + r * classes;
              const double largest = *std::max_element(logits, logits + classes);
              double sum = 0.0;
              for (int64_t c = 0; c < classes; ++c) sum += std::exp(logits[c] - largest);
              loss += std::log(sum) + largest - logits[(r * 7) % classes];
            }
            return Numbers{loss};
          }};
}

}  // namespace

std::vector<OpRow> loss_rows() {
  std::vector<OpRow> rows;
  rows.push_back(cross_entropy_row(5, 10, 3.0));
  rows.push_back(cross_entropy_row(1, 2, 50.0));
  rows.push_back(cross_entropy_row(33, 1001, 5.0));
  return rows;
}

}  // namespace tessera::test
