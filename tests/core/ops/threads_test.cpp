// SPDX-License-Identifier: Apache-2.0
// Results depend neither on the number of kernel threads nor on what else is in the batch.
#include <gtest/gtest.h>

#include <functional>

#include "core/kernels/kernels.h"
#include "core/ops/activation.h"
#include "core/ops/embedding.h"
#include "core/ops/loss.h"
#include "core/ops/normalisation.h"
#include "core/ops/softmax.h"
#include "tests/core/ops/results.h"
#include "tests/core/ops/support.h"

namespace tessera {
namespace {

using autograd::Variable;
using test::Op;

void expect_same_for_any_threads(const std::vector<Shape>& inputs, const Op& op) {
  set_kernel_threads(1);
  const std::vector<Tensor> one = test::results(inputs, op);
  for (const int threads : {2, 3, 7}) {
    set_kernel_threads(threads);
    test::expect_same_bits(one, test::results(inputs, op), std::to_string(threads) + " threads");
  }
  set_kernel_threads(1);
}

Tensor ids_below(int64_t limit, const Shape& shape) {
  Tensor ids = Tensor::empty(shape, DType::i64);
  for (int64_t i = 0; i < ids.elements(); ++i) ids.data<int64_t>()[i] = i * i * 7 % limit;
  return ids;
}

TEST(Threads, Activations) {
  for (const auto& op : {ops::gelu, ops::gelu_tanh, ops::silu}) expect_same_for_any_threads({{70001}}, [&](const auto& in) { return op(in[0]); });
}

TEST(Threads, LayerNorm) {
  expect_same_for_any_threads({{1001, 130}, {130}, {130}}, [](const auto& in) { return ops::layer_norm(in[0], {130}, in[1], in[2]); });
}

TEST(Threads, GroupNorm) {
  expect_same_for_any_threads({{9, 36, 17, 19}, {36}, {36}}, [](const auto& in) { return ops::group_norm(in[0], 4, in[1], in[2]); });
}

TEST(Threads, Softmax) {
  expect_same_for_any_threads({{999, 101}}, [](const auto& in) { return ops::softmax(in[0]); });
  expect_same_for_any_threads({{999, 101}}, [](const auto& in) { return ops::log_softmax(in[0]); });
}

TEST(Threads, Embedding) {
  expect_same_for_any_threads({{301, 67}}, [](const auto& in) { return ops::embedding(ids_below(301, {2000}), in[0]); });
}

TEST(Threads, Losses) {
  const ops::CrossEntropyOptions smoothed{0.1, {}, {}};
  expect_same_for_any_threads({{999, 101}}, [&](const auto& in) { return ops::cross_entropy(in[0], ids_below(101, {999}), smoothed).sum; });
  expect_same_for_any_threads({{700001}}, [](const auto& in) { return ops::binary_cross_entropy(in[0], Tensor::zeros({700001})).sum; });
}

TEST(Place, ARowOfABatchIsTheRowAlone) {
  const Tensor batch = test::random_tensor({7, 77}, 1);
  const Variable none;
  const std::function<Variable(const Variable&)> kRowOps[] = {
      [](const Variable& x) { return ops::softmax(x); }, [](const Variable& x) { return ops::log_softmax(x); },
      [](const Variable& x) { return ops::gelu(x); }, [&](const Variable& x) { return ops::layer_norm(x, {77}, none, none); },
      [&](const Variable& x) { return ops::group_norm(x, 7, none, none); }};
  for (const auto& op : kRowOps) {
    const Tensor whole = op(Variable(batch)).value();
    for (int64_t row = 0; row < 7; ++row) {
      const Tensor alone = op(Variable(batch.narrow(0, row, 1))).value();
      EXPECT_EQ(std::memcmp(whole.data<float>() + row * 77, alone.bytes(), alone.size_bytes()), 0) << row;
    }
  }
}

}  // namespace
}  // namespace tessera
