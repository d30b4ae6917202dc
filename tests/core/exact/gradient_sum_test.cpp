// SPDX-License-Identifier: Apache-2.0
#include "core/exact/gradient_sum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <random>

#include "core/exact/gradient_norm.h"
#include "tests/core/nn/chain.h"

namespace tessera {
namespace {

constexpr int64_t kRanks = 3;

/// Tensors of less than a block of squares, of some blocks, and of many, and statistics. Two terms of gradients of every size.
class GradientSumTest : public testing::Test {
 protected:
  GradientSumTest() {
    chain_.add_linear("small", 7, 5);
    chain_.add_linear("some", 97, 130);
    chain_.append("norm", std::make_unique<nn::BatchNorm>(9));
    chain_.add_linear("large", 301, 310);
    chain_.name_tree();
    parameters_.emplace(chain_, 1);
    std::mt19937 random(5);
    std::normal_distribution<float> normal;
    for (std::vector<float>& term : terms_) {
      for (int64_t i = 0; i < parameters_->flat_elements(); ++i) term.push_back(normal(random));
    }
  }

  GradientGrid grid() const {
    GradientGrid grid(parameters_->slots().size(), 2);
    grid.raise(std::vector<uint32_t>(parameters_->slots().size(), std::bit_cast<uint32_t>(8.0f)));
    return grid;
  }

  /// Pieces of the flat layout as ranks own them.
  std::vector<int64_t> bounds(const GradientSum& sum) const {
    std::vector<int64_t> bounds;
    for (int64_t r = 0; r < kRanks; ++r) bounds.push_back(sum.cut_before(parameters_->flat_elements() * r / kRanks));
    bounds.push_back(parameters_->flat_elements());
    return bounds;
  }

  /// The sum of two terms, every piece in ranges of `range` elements; returns what the owners found together.
  double squares_by_owners(const std::vector<bool>& left_out, int64_t range) {
    ExactScalar total;
    for (int64_t r = 0; r < kRanks; ++r) {
      GradientSum sum(*parameters_, Reduction::exact, true, left_out);
      sum.begin_pass();
      const std::vector<int64_t> bound = bounds(sum);
      const int64_t last = bound[static_cast<size_t>(r) + 1];
      for (int64_t begin = bound[static_cast<size_t>(r)]; begin < last; begin += range) {
        const std::array<const float*, 2> terms = {terms_[0].data() + begin, terms_[1].data() + begin};
        sum.sum_terms(begin, std::min(begin + range, last), terms, grid());
      }
      total.merge(*sum.squares());
    }
    return total.value();
  }

  nn::Chain chain_;
  std::optional<nn::FlatParameters> parameters_;
  std::array<std::vector<float>, 2> terms_;
};

TEST_F(GradientSumTest, PiecesAreCutWhereSquaresAre) {
  const GradientSum sum(*parameters_, Reduction::exact, true, {});
  const nn::FlatSlot& large = *std::find_if(parameters_->slots().begin(), parameters_->slots().end(), [](const auto& slot) { return slot.name == "large.weight"; });
  EXPECT_EQ(sum.cut_before(large.offset_elements), large.offset_elements);
  EXPECT_EQ(sum.cut_before(large.offset_elements + 4095), large.offset_elements);
  EXPECT_EQ(sum.cut_before(large.offset_elements + 3 * 4096 + 16), large.offset_elements + 3 * 4096);
}

TEST_F(GradientSumTest, WhatOwnersFindIsTheNorm) {
  for (const int64_t range : {16, 1008, 4096, 65536, 1 << 20}) {
    const double found = squares_by_owners({}, range);
    EXPECT_EQ(found, squared_gradient_norm(*parameters_)) << range;
    EXPECT_GT(found, 2.0 * 0.9 * static_cast<double>(parameters_->parameter_elements()));
  }
}

TEST_F(GradientSumTest, FrozenGradientsAreNoPartOfIt) {
  std::vector<bool> left_out(parameters_->slots().size(), false);
  left_out[2] = left_out[3] = true;
  const double found = squares_by_owners(left_out, 65536);
  EXPECT_EQ(found, squared_gradient_norm(*parameters_, left_out));
  EXPECT_LT(found, squared_gradient_norm(*parameters_));
}

TEST_F(GradientSumTest, TheSameOfIntegerSums) {
  GradientSum sum(*parameters_, Reduction::exact, false, {});
  sum.begin_pass();
  for (int term = 0; term < 2; ++term) {
    std::copy(terms_[static_cast<size_t>(term)].begin(), terms_[static_cast<size_t>(term)].end(), parameters_->gradients().data<float>());
    for (size_t tensor = 0; tensor < parameters_->slots().size(); ++tensor) sum.add(tensor, term == 0, grid());
  }
  const std::vector<int64_t> bound = bounds(sum);
  for (size_t r = 0; r < kRanks; ++r) sum.convert(bound[r], bound[r + 1], sum.integer_sums().data<int64_t>() + bound[r], grid());
  EXPECT_EQ(sum.squares()->value(), squared_gradient_norm(*parameters_));
  EXPECT_EQ(sum.squares()->value(), squares_by_owners({}, 65536));
}

}  // namespace
}  // namespace tessera
