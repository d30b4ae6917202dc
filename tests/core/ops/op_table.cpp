// SPDX-License-Identifier: Apache-2.0
#include "tests/core/ops/op_table.h"

#include <iterator>

namespace tessera::test {

std::vector<OpRow> op_table() {
  std::vector<OpRow> rows;
  for (const auto& family : {activation_rows, arithmetic_rows, reduction_rows, matmul_rows, linear_rows, convolution_rows, pooling_rows, normalisation_rows,
                              shape_rows, loss_rows, attention_rows, transformer_rows}) {
    std::vector<OpRow> more = family();
    std::move(more.begin(), more.end(), std::back_inserter(rows));
  }
  return rows;
}

}  // namespace tessera::test
