// SPDX-License-Identifier: Apache-2.0
// One row an op; every mode of op_table_test runs every row.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/autograd/variable.h"

namespace tessera::test {

using Numbers = std::vector<double>;

struct OpInput {
  Shape shape;
  bool image = false;    ///< give it channels-last
  double lowest = -1.0;  ///< values are drawn from [lowest, highest)
  double highest = 1.0;
};

struct OpRow {
  std::string name;
  std::vector<OpInput> inputs;
  std::function<autograd::Variable(const std::vector<autograd::Variable>&)> run;
  /// The same in double precision over row-major inputs; row-major output.
  std::function<Numbers(const std::vector<Numbers>&)> reference;
  double tolerance = 1e-5;  ///< relative to the largest magnitude of the result
};

/// What the gradient of a scalar output is in the table's backward passes: the first random weight of its sum of outputs.
float first_weight();

/// The rows of a family; each in its own op_table_<family>.cpp.
std::vector<OpRow> activation_rows();
std::vector<OpRow> linear_rows();
std::vector<OpRow> arithmetic_rows();
std::vector<OpRow> reduction_rows();
std::vector<OpRow> matmul_rows();
std::vector<OpRow> convolution_rows();  ///< with subsampling
std::vector<OpRow> pooling_rows();
std::vector<OpRow> normalisation_rows();
std::vector<OpRow> shape_rows();
std::vector<OpRow> loss_rows();
std::vector<OpRow> attention_rows();
std::vector<OpRow> transformer_rows();

/// All of them.
std::vector<OpRow> op_table();

}  // namespace tessera::test
