// SPDX-License-Identifier: Apache-2.0
// Attention against the ops it replaces, with dropout, on several threads, and what it says of inputs that do not fit.
#include "core/ops/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "core/autograd/engine.h"
#include "core/kernels/kernels.h"
#include "core/ops/arithmetic.h"
#include "core/ops/matmul.h"
#include "core/ops/reduction.h"
#include "core/ops/softmax.h"
#include "core/ops/view.h"
#include "tests/core/ops/support.h"

namespace tessera::test {
namespace {

using autograd::Leaf;
using autograd::Variable;

struct Outcome {
  Tensor output;
  std::vector<Tensor> gradients;
};

/// Output and gradients of sum(weights * attend(q, k, v)).
template <typename Attend>
Outcome run(const std::vector<Tensor>& inputs, const Tensor& weights, Attend attend) {
  Outcome outcome;
  std::vector<std::shared_ptr<Leaf>> leaves;
  std::vector<Variable> variables;
  for (size_t i = 0; i < inputs.size(); ++i) {
    outcome.gradients.push_back(Tensor::zeros(inputs[i].shape()));
    leaves.push_back(std::make_shared<Leaf>(i, outcome.gradients.back()));
    variables.emplace_back(inputs[i], leaves.back());
  }
  const Variable y = attend(variables);
  outcome.output = contiguous(y.value());
  autograd::Engine().backward(ops::sum(ops::multiply(y, Variable(weights))), leaves);
  return outcome;
}

double distance(const Tensor& a, const Tensor& b) {
  double difference = 0.0, norm = 0.0;
  for (int64_t i = 0; i < a.elements(); ++i) {
    const double x = static_cast<double>(a.data<float>()[i]), y = static_cast<double>(b.data<float>()[i]);
    difference += (x - y) * (x - y), norm += y * y;
  }
  return std::sqrt(difference / norm);
}

bool same_bits(const Tensor& a, const Tensor& b) { return std::memcmp(a.bytes(), b.bytes(), a.size_bytes()) == 0; }

/// The mask that dropout of attention draws, [B, H, T, S]: what is kept, scaled. Identity values show it.
Tensor kept_of(const Shape& q, int64_t keys, const ops::AttentionOptions& options) {
  const Tensor zeros = Tensor::zeros({q[0], q[1], q[2], keys}), key = Tensor::zeros({q[0], keys, q[2], keys});
  const Tensor values = Tensor::zeros({q[0], keys, q[2], keys});
  for (int64_t s = 0; s < q[0]; ++s)
    for (int64_t j = 0; j < keys; ++j)
      for (int64_t h = 0; h < q[2]; ++h) values.data<float>()[((s * keys + j) * q[2] + h) * keys + j] = static_cast<float>(keys);
  const size_t order[] = {0, 2, 1, 3};
  ops::AttentionOptions uniform = options;
  uniform.causal = false;
  return contiguous(ops::attention(Variable(zeros), Variable(key), Variable(values), uniform).value().permute(order));
}

/// Made of plain ops; holds all scores.
Variable composite(const std::vector<Variable>& in, const ops::AttentionOptions& options, const Tensor& kept) {
  const std::vector<int64_t> order = {0, 2, 1, 3};
  const Variable q = ops::permute(in[0], order), k = ops::permute(in[1], order), v = ops::permute(in[2], order);
  const int64_t queries = q.shape()[2], keys = k.shape()[2], width = q.shape()[3];
  const Tensor mask = Tensor::zeros({queries, keys});
  for (int64_t t = 0; options.causal && t < queries; ++t) {
    for (int64_t j = t + 1 + keys - queries; j < keys; ++j) mask.data<float>()[t * keys + j] = -1e30f;
  }
  const Variable scores = ops::add(ops::multiply(ops::matmul(q, ops::transpose(k, -1, -2)), 1.0f / std::sqrt(static_cast<float>(width))), Variable(mask));
  Variable probabilities = ops::softmax(scores);
  if (kept.defined()) probabilities = ops::multiply(probabilities, Variable(kept));
  return ops::permute(ops::matmul(probabilities, v), order);
}

std::vector<Tensor> inputs_of(int64_t samples, int64_t queries, int64_t keys, int64_t heads, int64_t width) {
  return {random_tensor({samples, queries, heads, width}, 1), random_tensor({samples, keys, heads, width}, 2),
          random_tensor({samples, keys, heads, width}, 3)};
}

ops::AttentionOptions dropping() {
  return {.causal = true, .dropout = 0.25f, .dropout_key = {random_key(1, RandomPurpose::dropout, "attention"), 3, 2, 1}};
}

TEST(Attention, WithDropoutEqualsItsCompositeForm) {
  const std::vector<Tensor> inputs = inputs_of(2, 150, 150, 2, 24);
  const Tensor weights = random_tensor(inputs[0].shape(), 4);
  const ops::AttentionOptions options = dropping();
  const Tensor kept = kept_of(inputs[0].shape(), 150, options);
  const Outcome fused = run(inputs, weights, [&](const auto& in) { return ops::attention(in[0], in[1], in[2], options); });
  const Outcome plain = run(inputs, weights, [&](const auto& in) { return composite(in, options, kept); });
  EXPECT_LT(distance(fused.output, plain.output), 1e-6);
  for (size_t i = 0; i < 3; ++i) EXPECT_LT(distance(fused.gradients[i], plain.gradients[i]), 2e-6) << i;
}

TEST(Attention, DropoutKeepsItsShareAndScalesIt) {
  const Shape q{1, 200, 2, 8};
  const Tensor kept = kept_of(q, 200, dropping());
  int64_t zeros = 0;
  for (int64_t i = 0; i < kept.elements(); ++i) {
    const float value = kept.data<float>()[i];
    zeros += value == 0.0f;
    if (value != 0.0f) {
      ASSERT_NEAR(value, 1.0f / 0.75f, 1e-5f);
    }
  }
  EXPECT_NEAR(static_cast<double>(zeros) / static_cast<double>(kept.elements()), 0.25, 0.01);
}

TEST(Attention, ThreadsDoNotChangeIt) {
  const std::vector<Tensor> inputs = inputs_of(2, 300, 300, 3, 32);
  const Tensor weights = random_tensor(inputs[0].shape(), 4);
  const auto attend = [&](const auto& in) { return ops::attention(in[0], in[1], in[2], dropping()); };
  set_kernel_threads(1);
  const Outcome one = run(inputs, weights, attend);
  set_kernel_threads(3);
  const Outcome three = run(inputs, weights, attend);
  set_kernel_threads(1);
  EXPECT_TRUE(same_bits(one.output, three.output));
  for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(same_bits(one.gradients[i], three.gradients[i])) << i;
}

TEST(Attention, LargeScoresDoNotOverflow) {
  std::vector<Tensor> inputs = inputs_of(1, 70, 70, 1, 8);
  for (int64_t i = 0; i < inputs[0].elements(); ++i) inputs[0].data<float>()[i] *= 1e4f;
  const Outcome fused = run(inputs, random_tensor(inputs[0].shape(), 4), [](const auto& in) { return ops::attention(in[0], in[1], in[2], {}); });
  for (const Tensor& tensor : {fused.output, fused.gradients[0], fused.gradients[1], fused.gradients[2]}) {
    for (int64_t i = 0; i < tensor.elements(); ++i) ASSERT_TRUE(std::isfinite(tensor.data<float>()[i]));
  }
}

TEST(Attention, SaysWhatDoesNotFit) {
  const auto attend = [](const Shape& q, const Shape& k, const Shape& v, const ops::AttentionOptions& options = {}) {
    return error_of([&] { ops::attention(Variable(Tensor::zeros(q)), Variable(Tensor::zeros(k)), Variable(Tensor::zeros(v)), options); });
  };
  EXPECT_EQ(attend({1, 2, 4, 8}, {1, 2, 3, 8}, {1, 2, 3, 8}), "attention: the heads of the queries are no multiple of the keys': [1, 2, 4, 8] and [1, 2, 3, 8]");
  EXPECT_EQ(attend({1, 2, 4, 8}, {1, 2, 4, 6}, {1, 2, 4, 6}), "attention: queries and keys differ in samples or width: [1, 2, 4, 8] and [1, 2, 4, 6]");
  EXPECT_EQ(attend({1, 2, 4, 8}, {1, 3, 4, 8}, {1, 2, 4, 8}), "attention: keys and values differ: [1, 3, 4, 8] and [1, 2, 4, 8]");
  EXPECT_EQ(attend({1, 3, 1, 8}, {1, 2, 1, 8}, {1, 2, 1, 8}, {.causal = true}), "attention: causal attention needs a key for every query: [1, 3, 1, 8] and [1, 2, 1, 8]");
  const std::vector<int64_t> lengths = {3};
  EXPECT_EQ(attend({1, 2, 1, 8}, {1, 2, 1, 8}, {1, 2, 1, 8}, {.lengths = Tensor::of<int64_t>(lengths, {1})}), "attention: length 3 of sample 0 is outside 1..2, its keys");
  EXPECT_EQ(error_of([] { ops::self_attention(Variable(Tensor::zeros({1, 2, 10})), 2, 1, {}); }),
            "attention: features of the input [1, 2, 10] cannot be split into 2 heads of queries and 1 of keys and of values");
}

}  // namespace
}  // namespace tessera::test
