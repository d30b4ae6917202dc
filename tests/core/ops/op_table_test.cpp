// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <set>

#include "core/autograd/engine.h"
#include "core/base/philox.h"
#include "core/kernels/kernels.h"
#include "tests/core/ops/op_table.h"

namespace tessera::test {
namespace {

using autograd::Leaf;
using autograd::Variable;

constexpr uint64_t kWeightSeed = 99;

/// Distinct numbers, so that maxima are unique.
Numbers random_numbers(size_t count, uint64_t seed, double lowest, double highest) {
  const RandomKey key = random_key(seed, RandomPurpose::sample, "op table");
  Numbers numbers(count);
  for (size_t i = 0; i < count; ++i) {
    // Rounded to f32, so that the reference sees what the op sees.
    numbers[i] = static_cast<double>(static_cast<float>(lowest + (highest - lowest) * static_cast<double>(philox_at(key, i, 0)[0]) * 0x1.0p-32));
  }
  return numbers;
}

enum class Layout { plain, strided };

Tensor to_tensor(const Numbers& numbers, const OpInput& input, Layout layout) {
  std::vector<float> values(numbers.begin(), numbers.end());
  Tensor tensor = Tensor::of<float>(values, input.shape);
  if (layout == Layout::strided) {  // every second element of a tensor twice as wide
    Shape wide = input.shape;
    const size_t last = wide.dims() - 1;
    wide[last] *= 2;
    const Tensor holder = Tensor::zeros(wide);
    const Tensor view = holder.narrow(last, input.shape[last], input.shape[last]);
    copy_into(tensor, view);
    return view;
  }
  if (!input.image) return tensor;
  Tensor image = Tensor::empty_channels_last(input.shape);
  copy_into(tensor, image);
  return image;
}

Numbers to_numbers(const Tensor& tensor) {
  const Tensor plain = contiguous(tensor);
  return Numbers(plain.data<float>(), plain.data<float>() + plain.elements());
}

/// sum(weights * x): makes a scalar of any output.
class WeightedSum final : public autograd::Node {
 public:
  explicit WeightedSum(Tensor weights) : weights_(std::move(weights)) {}
  const char* name() const override { return "weighted_sum"; }
  void backward(const Tensor&) override { give(0, weights_); }

 private:
  Tensor weights_;
};

struct Outcome {
  Tensor output;
  std::vector<Tensor> gradients;
};

Outcome run(const OpRow& row, const std::vector<Numbers>& inputs, const Numbers& weights, Layout layout = Layout::plain) {
  std::vector<std::shared_ptr<Leaf>> leaves;
  std::vector<Variable> variables;
  Outcome outcome;
  for (size_t i = 0; i < inputs.size(); ++i) {
    outcome.gradients.push_back(Tensor::zeros(row.inputs[i].shape));
    leaves.push_back(std::make_shared<Leaf>(i, outcome.gradients.back()));
    variables.emplace_back(to_tensor(inputs[i], row.inputs[i], layout), leaves.back());
  }
  const Variable y = row.run(variables);
  outcome.output = y.value();
  const std::vector<float> values(weights.begin(), weights.end());
  const Variable loss = autograd::record<WeightedSum>(Tensor::zeros({}), {&y}, Tensor::of<float>(values, y.shape()));
  autograd::Engine().backward(loss, leaves);
  return outcome;
}

void expect_close(const Numbers& got, const Numbers& want, double tolerance, const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  double largest = 1e-6;
  for (double value : want) largest = std::max(largest, std::fabs(value));
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], want[i], tolerance * largest) << what << ", element " << i;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  const Tensor x = contiguous(a), y = contiguous(b);
  return x.shape() == y.shape() && std::memcmp(x.bytes(), y.bytes(), x.size_bytes()) == 0;
}

/// What the table held and what took longest, for a line at the end.
struct Summary {
  std::set<std::string> ops;
  int cases = 0;
  std::string slowest;
  double slowest_s = 0.0;

  void add(const std::string& row, const std::string& mode, double seconds) {
    ops.insert(row.substr(0, row.find(' ')));
    ++cases;
    if (seconds < slowest_s) return;
    slowest_s = seconds;
    slowest = row + ", " + mode;
  }
};

class OpTable : public testing::TestWithParam<OpRow> {
 protected:
  static void SetUpTestSuite() { summary_ = std::make_unique<Summary>(); }
  static void TearDownTestSuite() {
    std::printf("op table: %zu ops, %d cases; the slowest: %s, %.3f s\n", summary_->ops.size(), summary_->cases, summary_->slowest.c_str(),
                summary_->slowest_s);
    summary_.reset();
  }

  void SetUp() override {
    start_ = std::chrono::steady_clock::now();
    for (size_t i = 0; i < GetParam().inputs.size(); ++i) {
      const OpInput& input = GetParam().inputs[i];
      inputs_.push_back(random_numbers(static_cast<size_t>(input.shape.elements()), i + 1, input.lowest, input.highest));
    }
    weights_ = random_numbers(GetParam().reference(inputs_).size(), kWeightSeed, -1.0, 1.0);
  }

  void TearDown() override {
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start_;
    const std::string test = testing::UnitTest::GetInstance()->current_test_info()->name();
    summary_->add(GetParam().name, test.substr(0, test.find('/')), taken.count());
  }

  std::vector<Numbers> inputs_;
  Numbers weights_;

 private:
  static inline std::unique_ptr<Summary> summary_;
  std::chrono::steady_clock::time_point start_;
};

TEST_P(OpTable, ForwardEqualsDoublePrecision) {
  expect_close(to_numbers(run(GetParam(), inputs_, weights_).output), GetParam().reference(inputs_), GetParam().tolerance, "output");
}

TEST_P(OpTable, GradientEqualsFiniteDifferencesOfTheReference) {
  const Outcome outcome = run(GetParam(), inputs_, weights_);
  const auto loss = [&] {
    const Numbers y = GetParam().reference(inputs_);
    double sum = 0.0;
    for (size_t i = 0; i < y.size(); ++i) sum += weights_[i] * y[i];
    return sum;
  };
  constexpr double kStep = 1e-6;
  constexpr size_t kProbes = 60;  // of each input, spread over it
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const Numbers all = to_numbers(outcome.gradients[i]);
    Numbers got, want;
    const size_t stride = std::max<size_t>(1, all.size() / kProbes);
    for (size_t j = 0; j < all.size(); j += stride) {
      const double value = inputs_[i][j];
      inputs_[i][j] = value + kStep;
      const double above = loss();
      inputs_[i][j] = value - kStep;
      const double below = loss();
      inputs_[i][j] = value;
      want.push_back((above - below) / (2.0 * kStep));
      got.push_back(all[j]);
    }
    expect_close(got, want, 10.0 * GetParam().tolerance, "gradient of input " + std::to_string(i));
  }
}

TEST_P(OpTable, SameBitsAgainAndFromStridedInputs) {
  const Outcome first = run(GetParam(), inputs_, weights_), again = run(GetParam(), inputs_, weights_);
  const Outcome strided = run(GetParam(), inputs_, weights_, Layout::strided);
  EXPECT_TRUE(same_bits(first.output, again.output));
  EXPECT_TRUE(same_bits(first.output, strided.output));
  for (size_t i = 0; i < inputs_.size(); ++i) {
    EXPECT_TRUE(same_bits(first.gradients[i], again.gradients[i]));
    EXPECT_TRUE(same_bits(first.gradients[i], strided.gradients[i]));
  }
}

std::string row_name(const testing::TestParamInfo<OpRow>& row) {
  std::string name = std::to_string(row.index) + "_";
  for (char c : row.param.name) name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(AllOps, OpTable, testing::ValuesIn(op_table()), row_name);

}  // namespace

float first_weight() { return static_cast<float>(random_numbers(1, kWeightSeed, -1.0, 1.0)[0]); }

}  // namespace tessera::test
