// SPDX-License-Identifier: Apache-2.0
// The kernels of every instruction set that this processor has give the same bits as those of the baseline, or, where they fuse multiplications with additions,
// the same as each other.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "tests/core/kernels/instruction_sets.h"
#include "tests/core/ops/support.h"

namespace tessera::test {
namespace {

/// Odd, so that every kernel has a remainder.
constexpr int64_t kRows = 67, kColumns = 43;

/// A new tensor of so many elements in `out`, as the kernels' results.
float* add(std::vector<Tensor>& out, int64_t elements) {
  out.push_back(Tensor::zeros({elements}));
  return out.back().data<float>();
}

void run_arithmetic(const InstructionSet& tables, const float* x, const float* dy, std::vector<Tensor>& out) {
  constexpr int64_t kElements = kRows * kColumns;
  for (int op = 0; op <= static_cast<int>(BinaryOp::divide); ++op) {
    tables.arithmetic.binary(static_cast<BinaryOp>(op), {2, {{kRows, kColumns, 0}, {kColumns, 1, 1}}, x, dy, add(out, kElements)});
  }
  for (int op = 0; op <= static_cast<int>(ScalarOp::quotient); ++op) {
    tables.arithmetic.scalar_forward(static_cast<ScalarOp>(op), {kElements, -0.3f, 0.7f, x, add(out, kElements)});
    tables.arithmetic.scalar_backward(static_cast<ScalarOp>(op), {kElements, -0.3f, 0.7f, x, dy, add(out, kElements)});
  }
}

void run_reductions(const InstructionSet& tables, const float* x, std::vector<Tensor>& out) {
  tables.reduction.sum({1, 1, 1, kRows * kColumns, 1, 0.5, x, add(out, 1)});
  tables.reduction.sum({1, 1, 1, kRows, kColumns, 0.5, x, add(out, kColumns)});
  for (const bool largest : {false, true}) {
    const Tensor places = Tensor::empty({kRows}, DType::i32);
    tables.reduction.extremum({kRows, kColumns, 1, largest, x, add(out, kRows), places.data<int32_t>()});
    tables.reduction.extremum({1, kRows, kColumns, largest, x, add(out, kColumns), places.data<int32_t>()});
  }
  const PoolingBin rows[] = {{0, 40, 1}, {30, kRows, 3}}, column[] = {{0, 1, 1}};
  tables.bin_pooling.average_forward({{1, kColumns, kRows, 1, 2, 1, rows, column}, x, add(out, 2 * kColumns)});
}

/// Both passes and the conversion, one after the other; `x` gives bytes and weights.
void run_resampling(const InstructionSet& tables, const float* x, std::vector<Tensor>& out) {
  constexpr int64_t kOutWidth = 29, kGroups = 2, kStrideBytes = 3 * kOutWidth + 1, kPixels = 40;
  std::vector<uint8_t> source(kRows * kPixels * 3 + 16), across(kRows * kStrideBytes + 16), down(3 * kOutWidth);
  for (size_t i = 0; i < source.size(); ++i) source[i] = static_cast<uint8_t>(x[i % (kRows * kColumns)] * 127.0f + 128.0f);
  std::vector<int32_t> first(kOutWidth), weights(kRows);
  std::vector<int16_t> packed(kOutWidth * kGroups * 2 * kTapGroup);
  for (size_t i = 0; i < first.size(); ++i) first[i] = static_cast<int32_t>(i);
  for (size_t i = 0; i < packed.size(); ++i) packed[i] = static_cast<int16_t>(x[i] * 250.0f + (i / kTapGroup % 2 == 0 ? 200.0f : 1000.0f));
  for (size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<int32_t>(x[i] * 200'000.0f + 60'000.0f);
  tables.resample.across({kRows, kOutWidth, kGroups, first.data(), packed.data(), source.data(), kPixels * 3, across.data(), kStrideBytes});
  tables.resample.down({3 * kOutWidth, kRows, weights.data(), across.data(), kStrideBytes, down.data()});
  tables.resample.normalise({kOutWidth, {0.3f, 0.7f, 1.1f}, {-1.0f, 0.0f, 2.0f}, down.data(), add(out, 3 * kOutWidth)});
  for (int64_t row = 0; row < kRows; ++row) {
    const uint8_t* bytes = across.data() + row * kStrideBytes;
    tables.resample.normalise({kOutWidth, {1, 1, 1}, {0, 0, 0}, bytes, add(out, 3 * kOutWidth)});
  }
}

void run_depthwise(const InstructionSet& tables, const float* x, const float* weight, std::vector<Tensor>& out) {
  constexpr int64_t kWidth = 9;
  const float* rows[] = {x, x + kWidth * kColumns, x + 2 * kWidth * kColumns};
  for (int64_t padding = 0; padding <= 2; ++padding) {
    const int64_t results = kWidth - 2 + 2 * padding;
    tables.depthwise.row({results, kWidth, kColumns, padding, {rows[0], rows[1], rows[2]}, weight, x, add(out, results * kColumns)});
  }
  tables.depthwise.sum({3, kColumns, {rows[0], rows[1], rows[2]}, {weight, weight + kColumns, weight + 2 * kColumns}, nullptr, add(out, kColumns)});
}

/// Both passes, with ReLU6.
void run_batch_norm(const InstructionSet& tables, int64_t rows, int64_t channels, const float* x, const float* dy, const float* weight, std::vector<Tensor>& out) {
  const NormalisationKernels& norm = tables.normalisation;
  std::vector<double> sums(static_cast<size_t>(2 * channels)), gradient_sums(sums.size());
  norm.batch_norm_sums({0, rows, channels, x, sums.data()});
  float *y = add(out, rows * channels), *mean = add(out, channels), *inverse = add(out, channels), *dweight = add(out, channels), *dbias = add(out, channels);
  norm.batch_norm_forward({rows, channels, 1e-5f, 6.0f, x, weight, weight, nullptr, sums.data(), y, mean, inverse, add(out, channels)});
  norm.batch_norm_gradient_sums({0, rows, channels, 6.0f, x, nullptr, dy, weight, weight, mean, inverse, nullptr, gradient_sums.data()});
  for (int64_t c = 0; c < channels; ++c) {
    dbias[c] = static_cast<float>(gradient_sums[static_cast<size_t>(c)]);
    dweight[c] = static_cast<float>(gradient_sums[static_cast<size_t>(channels + c)]) * inverse[c];
  }
  norm.batch_norm_input_gradient({rows, rows, channels, 6.0f, x, dy, weight, weight, mean, inverse, dweight, dbias, nullptr, 0, add(out, rows * channels)});
}

void run_row_norms(const InstructionSet& tables, const float* x, const float* dy, const float* weight, std::vector<Tensor>& out) {
  constexpr int64_t kElements = kRows * kColumns;
  for (const float* residual : {static_cast<const float*>(nullptr), dy}) {
    float *sum = residual ? add(out, kElements) : nullptr, *mean = add(out, kRows), *inverse = add(out, kRows);
    tables.normalisation.layer_norm_forward({kRows, kColumns, 1e-5f, x, residual, sum, weight, weight, add(out, kElements), mean, inverse});
    tables.normalisation.layer_norm_backward({kRows, kColumns, x, dy, weight, mean, inverse, residual, add(out, kElements), add(out, kColumns),
                                              add(out, kColumns), add(out, 4 * kColumns)});
    inverse = add(out, kRows);
    tables.normalisation.rms_norm_forward({kRows, kColumns, 1e-5f, x, residual, sum, weight, add(out, kElements), inverse});
    tables.normalisation.rms_norm_backward(
        {kRows, kColumns, x, dy, weight, inverse, residual, add(out, kElements), add(out, kColumns), add(out, 2 * kColumns)});
  }
}

/// A row is a head of its own; scores and their sums are left out, being products.
void run_gates(const InstructionSet& tables, const float* x, const float* dy, std::vector<Tensor>& out) {
  constexpr int64_t kElements = kRows * kColumns, kWidth = kColumns / 2 * 2;
  tables.elementwise.gated_forward({kElements, x, dy, add(out, kElements)});
  tables.elementwise.gated_backward({kElements, x, dy, x, add(out, kElements), add(out, kElements)});
  for (const RotaryPairs pairs : {RotaryPairs::halves, RotaryPairs::neighbours}) {
    tables.rotary.rotate({1, kRows, 1, 1, kWidth, pairs, false, x, dy, add(out, kRows * kWidth)});
  }
}

std::vector<Tensor> run(const InstructionSet& tables) {
  constexpr int64_t kElements = kRows * kColumns;
  const Tensor x = random_tensor({kElements}, 1), dy = random_tensor({kElements}, 2), weight = random_tensor({kColumns}, 3);
  const float *px = x.data<float>(), *pdy = dy.data<float>(), *pw = weight.data<float>();
  std::vector<Tensor> out;
  for (int op = 0; op <= static_cast<int>(UnaryOp::softplus); ++op) {
    tables.elementwise.unary_forward(static_cast<UnaryOp>(op), {kElements, {}, px, add(out, kElements)});
    tables.elementwise.unary_backward(static_cast<UnaryOp>(op), {kElements, {}, px, pdy, add(out, kElements)});
  }
  tables.elementwise.round_to_bf16({kElements, px, add(out, kElements)});
  for (const bool logarithm : {false, true}) {
    float* y = add(out, kElements);
    tables.softmax.forward({kRows, kColumns, logarithm, px, y});
    tables.softmax.backward({kRows, kColumns, logarithm, y, pdy, add(out, kElements)});
  }
  run_row_norms(tables, px, pdy, pw, out);
  float *mean = add(out, 1), *inverse = add(out, 1);
  tables.normalisation.group_norm_forward({1, kRows, kColumns, 1, 1e-5f, px, pw, pw, add(out, kElements), mean, inverse});
  tables.normalisation.group_norm_backward(
      {1, kRows, kColumns, 1, px, pdy, pw, mean, inverse, add(out, kElements), add(out, kColumns), add(out, kColumns), add(out, 2 * kColumns)});
  float* divisor = add(out, kElements);
  tables.normalisation.response_norm_forward({kRows, kColumns, 5, 0.5f, 0.75f, 1.0f, px, add(out, kElements), divisor});
  tables.normalisation.response_norm_backward({kRows, kColumns, 5, 0.5f, 0.75f, px, divisor, pdy, add(out, kElements)});
  for (int loss = 0; loss <= static_cast<int>(ElementLoss::smooth); ++loss) {
    tables.loss.element_forward(static_cast<ElementLoss>(loss), {kElements, kColumns, px, pdy, pw, 0.5f, add(out, 1)});
    tables.loss.element_backward(static_cast<ElementLoss>(loss), {kElements, kColumns, px, pdy, pw, 0.5f, pw, add(out, kElements)});
  }
  run_arithmetic(tables, px, pdy, out);
  run_gates(tables, px, pdy, out);
  run_reductions(tables, px, out);
  run_resampling(tables, px, out);
  std::vector<int64_t> targets(kRows, 5);
  const CrossEntropyTargets arguments{targets.data(), -1, 0.1f, nullptr};
  float* probabilities = add(out, kElements);
  tables.loss.cross_entropy_forward({kRows, kColumns, px, arguments, probabilities, add(out, 1)});
  tables.loss.cross_entropy_backward({kRows, kColumns, probabilities, arguments, pw, add(out, kElements)});
  return out;
}

/// What rounds a product and a sum once where the processor can.
std::vector<Tensor> run_fused(const InstructionSet& tables) {
  const Tensor x = random_tensor({kRows * kColumns}, 1), dy = random_tensor({kRows * kColumns}, 2), weight = random_tensor({kColumns * 4}, 3);
  std::vector<Tensor> out;
  run_depthwise(tables, x.data<float>(), dy.data<float>(), out);
  run_batch_norm(tables, kRows, kColumns, x.data<float>(), dy.data<float>(), weight.data<float>(), out);
  run_batch_norm(tables, 17, 150, x.data<float>(), dy.data<float>(), weight.data<float>(), out);  // a long row
  return out;
}

/// Nothing where this processor has no such set.
std::vector<Tensor> results(const std::string& name, std::vector<Tensor> run(const InstructionSet&)) {
  const std::vector<InstructionSet> sets = instruction_sets();
  const auto set = std::ranges::find(sets, name, &InstructionSet::name);
  return set == sets.end() ? std::vector<Tensor>() : run(*set);
}

void expect_same(const std::vector<Tensor>& want, const std::vector<Tensor>& got) {
  if (got.empty()) GTEST_SKIP() << "this processor has none";
  for (size_t i = 0; i < want.size(); ++i) EXPECT_EQ(std::memcmp(want[i].bytes(), got[i].bytes(), want[i].size_bytes()), 0) << "result " << i;
}

TEST(InstructionSets, Avx2GivesTheBitsOfTheBaseline) { expect_same(results("baseline", run), results("avx2", run)); }

TEST(InstructionSets, Avx512GivesTheBitsOfTheBaseline) { expect_same(results("baseline", run), results("avx512", run)); }

TEST(InstructionSets, Avx512GivesTheBitsOfAvx2WhereBothFuse) { expect_same(results("avx2", run_fused), results("avx512", run_fused)); }

TEST(InstructionSets, FusedResultsAreNearTheBaselines) {
  const std::vector<Tensor> want = results("baseline", run_fused), got = results("avx2", run_fused);
  if (got.empty()) GTEST_SKIP() << "this processor has none";
  for (size_t i = 0; i < want.size(); ++i) {
    for (int64_t k = 0; k < want[i].elements(); ++k) EXPECT_NEAR(want[i].data<float>()[k], got[i].data<float>()[k], 1e-5f) << "result " << i;
  }
}

}  // namespace
}  // namespace tessera::test
