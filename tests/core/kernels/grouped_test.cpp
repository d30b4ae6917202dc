// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "core/kernels/cpu/direct/grouped.h"
#include "tests/core/kernels/instruction_sets.h"

namespace tessera::test {
namespace {

using cpu::GroupedGradient;
using cpu::GroupedKernels;
using cpu::GroupedRow;
using cpu::kGroupedPanel;

constexpr int64_t kGroupedPixels = 32, kWindowRows = 3, kGroupPanels = 2, kWindowColumns = 3;

double wide_at(const std::vector<float>& values, int64_t place) { return static_cast<double>(values[static_cast<size_t>(place)]); }

/// A vector of one instruction set, and groups of so many terms in it.
struct Grouping {
  const GroupedKernels& kernels;
  int64_t terms;

  int64_t panels() const { return terms == kGroupedPanel ? kGroupPanels : 1; }
  int64_t row() const { return kGroupedPixels * kGroupedPanel; }
  int64_t weight(int64_t r, int64_t panel, int64_t term, int64_t column, int64_t lane) const {
    return (((r * panels() + panel) * terms + term) * kWindowColumns + column) * kernels.lanes + lane;
  }
  int64_t x(int64_t r, int64_t panel, int64_t pixel, int64_t term, int64_t lane) const {
    return panel * kWindowRows * row() + r * row() + pixel * kGroupedPanel + lane / terms * terms + term;
  }
};

/// What row() and pairs() are given, and the sum over rows, panels and terms of a column's weight and a pixel.
struct GroupedWindow {
  explicit GroupedWindow(const Grouping& of) : grouping(of), weight(noise(of.weight(kWindowRows, 0, 0, 0, 0), 2)) {}

  GroupedRow arguments(int64_t results, float* y) const {
    GroupedRow row{};
    row.step = 1, row.results = results;
    row.rows = kWindowRows, row.panels = grouping.panels(), row.terms = grouping.terms;
    row.x = pixels.data(), row.x_row = grouping.row(), row.x_panel = kWindowRows * grouping.row();
    row.weight = weight.data(), row.weight_row = grouping.weight(1, 0, 0, 0, 0);
    row.y = y, row.y_pixel = 2 * grouping.kernels.lanes;
    return row;
  }

  double sum(int64_t pixel, int64_t column, int64_t lane) const {
    double sum = 0.0;
    for (int64_t r = 0; r < kWindowRows; ++r) {
      for (int64_t panel = 0; panel < grouping.panels(); ++panel) {
        for (int64_t term = 0; term < grouping.terms; ++term) {
          sum += wide_at(pixels, grouping.x(r, panel, pixel, term, lane)) * wide_at(weight, grouping.weight(r, panel, term, column, lane));
        }
      }
    }
    return sum;
  }

  Grouping grouping;
  std::vector<float> pixels = noise(kGroupPanels * kWindowRows * kGroupedPixels * kGroupedPanel, 1), weight;
};

void check_grouped_row(const Grouping& grouping, int64_t step, int64_t results) {
  const GroupedWindow window(grouping);
  const std::vector<float> start = noise(kGroupedPanel, 3);
  std::vector<float> y(static_cast<size_t>(2 * results * grouping.kernels.lanes));
  GroupedRow row = window.arguments(results, y.data());
  row.step = step, row.start = start.data();
  grouping.kernels.row(row);
  for (int64_t result = 0; result < results; ++result) {
    for (int64_t lane = 0; lane < grouping.kernels.lanes; ++lane) {
      double want = wide_at(start, lane);
      for (int64_t column = 0; column < kWindowColumns; ++column) want += window.sum(result * step + column, column, lane);
      EXPECT_NEAR(wide_at(y, result * row.y_pixel + lane), want, 2e-5) << "result " << result << ", lane " << lane;
      EXPECT_EQ(wide_at(y, result * row.y_pixel + grouping.kernels.lanes + lane), 0.0) << "beside";
    }
  }
}

void check_grouped_pairs(const Grouping& grouping, int64_t pairs) {
  const GroupedWindow window(grouping);
  std::vector<float> y(static_cast<size_t>(4 * pairs * grouping.kernels.lanes));
  GroupedRow row = window.arguments(pairs, y.data());
  row.first = 1, row.end = 2 * pairs - 1;
  grouping.kernels.pairs(row);
  for (int64_t column = 0; column < 2 * pairs; ++column) {
    for (int64_t lane = 0; lane < grouping.kernels.lanes; ++lane) {
      const int64_t pixel = column / 2 + 1;  // the first lies before the pairs
      const double sum = column % 2 == 0 ? window.sum(pixel, 0, lane) + window.sum(pixel - 1, 2, lane) : window.sum(pixel, 1, lane);
      EXPECT_NEAR(wide_at(y, column * row.y_pixel + lane), column < row.first || column >= row.end ? 0.0 : sum, 2e-5) << "column " << column;
    }
  }
}

void check_grouped_gradient(const Grouping& grouping, int64_t step, int64_t first_term) {
  constexpr int64_t kResults = 7;
  const int64_t lanes = grouping.kernels.lanes, row = grouping.row();
  const std::vector<float> x = noise(kWindowRows * row, 1), before = noise(4 * kWindowColumns * lanes, 5);
  std::vector<float> dy = noise(kWindowRows * row, 4), sums = before;
  for (int64_t r = 0; r < kWindowRows; ++r) std::fill_n(dy.begin() + r * row + kResults * kGroupedPanel, 2 * kGroupedPanel, 0.0f);
  grouping.kernels.gradient({step, kWindowRows, kResults, grouping.terms, first_term, x.data(), row, dy.data(), row, sums.data()});
  for (int64_t term = 0; term < GroupedKernels::kTermsAtOnce; ++term) {
    for (int64_t column = 0; column < kWindowColumns; ++column) {
      for (int64_t lane = 0; lane < lanes; ++lane) {
        const int64_t place = (term * kWindowColumns + column) * lanes + lane;
        double want = wide_at(before, place);
        for (int64_t r = 0; r < kWindowRows; ++r) {
          for (int64_t pixel = 0; pixel < kResults; ++pixel) {
            want += wide_at(x, grouping.x(r, 0, pixel * step + column, first_term + term, lane)) * wide_at(dy, r * row + pixel * kGroupedPanel + lane);
          }
        }
        EXPECT_NEAR(wide_at(sums, place), want, 1e-5) << "term " << term << ", column " << column << ", lane " << lane;
      }
    }
  }
}

TEST(Grouped, EveryRowAndGradientOfEveryInstructionSet) {
  for (const InstructionSet& set : instruction_sets()) {
    for (const int64_t terms : {4, 8, 16}) {
      const Grouping grouping{set.grouped, terms};
      for (const int64_t step : {1, 2}) {
        SCOPED_TRACE(set.name + ", " + std::to_string(terms) + " terms, step " + std::to_string(step));
        for (int64_t results = 1; results <= GroupedKernels::kMostResults; ++results) check_grouped_row(grouping, step, results);
        for (int64_t first = 0; first < terms; first += GroupedKernels::kTermsAtOnce) check_grouped_gradient(grouping, step, first);
      }
      SCOPED_TRACE(set.name + ", " + std::to_string(terms) + " terms, pairs");
      for (int64_t pairs = 1; pairs <= GroupedKernels::kMostPairs; ++pairs) check_grouped_pairs(grouping, pairs);
    }
  }
}

}  // namespace
}  // namespace tessera::test
