// SPDX-License-Identifier: Apache-2.0
// Every bit that an op gives, forward and backward.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/autograd/engine.h"
#include "core/ops/loss.h"
#include "tests/core/ops/support.h"

namespace tessera::test {

using Op = std::function<autograd::Variable(const std::vector<autograd::Variable>&)>;

/// The gradients of all inputs, and the output, for a loss that weighs every output differently.
inline std::vector<Tensor> results(const std::vector<Shape>& inputs, const Op& op) {
  std::vector<std::shared_ptr<autograd::Leaf>> leaves;
  std::vector<autograd::Variable> variables;
  std::vector<Tensor> results;
  for (size_t i = 0; i < inputs.size(); ++i) {
    results.push_back(Tensor::zeros(inputs[i]));
    leaves.push_back(std::make_shared<autograd::Leaf>(i, results.back()));
    variables.emplace_back(random_tensor(inputs[i], i), leaves.back());
  }
  const autograd::Variable y = op(variables);
  results.push_back(y.value());
  autograd::Engine().backward(y.shape().dims() == 0 ? y : ops::squared_error(y, random_tensor(y.shape(), 9)).sum, leaves);
  return results;
}

inline void expect_same_bits(const std::vector<Tensor>& expected, const std::vector<Tensor>& actual, const std::string& where) {
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(std::memcmp(contiguous(expected[i]).bytes(), contiguous(actual[i]).bytes(), expected[i].size_bytes()), 0) << "result " << i << ", " << where;
  }
}

}  // namespace tessera::test
