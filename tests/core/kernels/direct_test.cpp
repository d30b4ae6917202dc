// SPDX-License-Identifier: Apache-2.0
// Direct and Winograd convolutions against sums in double precision, for every geometry whether or not they would be preferred there.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/kernels/cpu/direct/depthwise.h"
#include "core/kernels/cpu/direct/direct.h"
#include "core/kernels/cpu/direct/grouped.h"
#include "core/kernels/cpu/direct/pointwise.h"
#include "core/kernels/cpu/direct/transpose.h"
#include "core/kernels/cpu/direct/winograd.h"
#include "core/kernels/cpu/onednn/onednn.h"
#include "tests/core/kernels/instruction_sets.h"

namespace tessera::test {
namespace {

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

struct Case {
  int64_t batch, in, height, width, out, kernel_height, kernel_width, stride_height, stride_width, padding_height, padding_width;
  int64_t groups = 1;

  ConvolutionGeometry geometry() const {
    return {batch, in, height, width, out, (height + 2 * padding_height - kernel_height) / stride_height + 1,
            (width + 2 * padding_width - kernel_width) / stride_width + 1, kernel_height, kernel_width, stride_height, stride_width,
            padding_height, padding_width, 1, 1, groups};
  }
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.batch << " x " << c.in << " x " << c.height << " x " << c.width << " -> " << c.out << ", kernel " << c.kernel_height << " x "
       << c.kernel_width << ", stride " << c.stride_height << " x " << c.stride_width << ", padding " << c.padding_height << " x " << c.padding_width << ", groups " << c.groups;
}

/// body(x place, weight place, y place) for every product of the convolution.
template <typename Body>
void for_each_product(const ConvolutionGeometry& g, Body body) {
  for (int64_t n = 0; n < g.batch; ++n)
    for (int64_t oh = 0; oh < g.out_height; ++oh)
      for (int64_t ow = 0; ow < g.out_width; ++ow)
        for (int64_t ky = 0; ky < g.kernel_height; ++ky)
          for (int64_t kx = 0; kx < g.kernel_width; ++kx) {
            const int64_t h = oh * g.stride_height + ky - g.padding_height, w = ow * g.stride_width + kx - g.padding_width;
            if (h < 0 || h >= g.in_height || w < 0 || w >= g.in_width) continue;
            const int64_t in_of_group = g.in_channels / g.groups, out_of_group = g.out_channels / g.groups;
            for (int64_t c = 0; c < in_of_group; ++c)
              for (int64_t o = 0; o < g.out_channels; ++o)
                body(static_cast<size_t>(((n * g.in_height + h) * g.in_width + w) * g.in_channels + o / out_of_group * in_of_group + c),
                     static_cast<size_t>(((o * in_of_group + c) * g.kernel_height + ky) * g.kernel_width + kx),
                     static_cast<size_t>(((n * g.out_height + oh) * g.out_width + ow) * g.out_channels + o));
          }
}

/// Exactly as large as they must be, so that an address sanitizer sees every element read or written too much.
struct Problem {
  explicit Problem(const ConvolutionGeometry& geometry)
      : g(geometry),
        x(noise(g.batch * g.in_height * g.in_width * g.in_channels, 1)),
        weight(noise(g.out_channels * g.in_channels / g.groups * g.kernel_height * g.kernel_width, 2)),
        bias(noise(g.out_channels, 3)),
        dy(noise(g.batch * g.out_height * g.out_width * g.out_channels, 4)) {}

  ConvolutionGeometry g;
  Floats x, weight, bias, dy;
};

struct Results {
  Floats y, dx, dweight, dbias;
  bool operator==(const Results&) const = default;
};

Results run(const Problem& p, const ConvolutionKernels& kernels) {
  Results r{Floats(p.dy.size(), NAN), Floats(p.x.size(), NAN), Floats(p.weight.size(), NAN), Floats(p.bias.size(), NAN)};
  PackedWeight packed;
  kernels.forward({p.g, p.x.data(), p.weight.data(), p.bias.data(), r.y.data(), &packed, 1});
  kernels.backward_data({p.g, p.dy.data(), p.weight.data(), r.dx.data(), &packed, 1});
  if (kernels.backward_weight) kernels.backward_weight({p.g, p.x.data(), p.dy.data(), r.dweight.data(), r.dbias.data()});
  else r.dweight.clear(), r.dbias.clear();
  return r;
}

ConvolutionKernels direct_kernels() { return {cpu::direct::forward, cpu::direct::backward_data, cpu::direct::backward_weight}; }
ConvolutionKernels winograd_kernels() { return {cpu::winograd::forward, cpu::winograd::backward_data, cpu::winograd::backward_weight}; }

/// Of the weight alone; the other directions are the direct kernels'.
ConvolutionKernels panel_kernels() { return {cpu::direct::forward, cpu::direct::backward_data, cpu::direct::backward_weight_by_panels}; }
/// 1x1 windows; forward and the gradient of the input only where the step is one.
ConvolutionKernels product_kernels(const Case& c) {
  const bool single = c.stride_height == 1 && c.stride_width == 1;
  return {single ? cpu::pointwise::forward : cpu::direct::forward, single ? cpu::pointwise::backward_data : cpu::direct::backward_data, cpu::pointwise::backward_weight};
}
ConvolutionKernels grouped_kernels() { return {cpu::grouped::forward, cpu::grouped::backward_data, cpu::grouped::backward_weight}; }
/// Without the gradient of the weight.
ConvolutionKernels depthwise_kernels() { return {cpu::depthwise::forward, cpu::depthwise::backward_data, nullptr}; }

struct References {
  explicit References(const Problem& p) : y(p.dy.size()), dx(p.x.size()), dweight(p.weight.size()), dbias(p.bias.size()) {
    for (size_t i = 0; i < y.size(); ++i) {
      y[i] = static_cast<double>(p.bias[i % p.bias.size()]);
      dbias[i % p.bias.size()] += static_cast<double>(p.dy[i]);
    }
    for_each_product(p.g, [&](size_t in, size_t weight, size_t out) {
      y[out] += static_cast<double>(p.x[in]) * static_cast<double>(p.weight[weight]);
      dx[in] += static_cast<double>(p.dy[out]) * static_cast<double>(p.weight[weight]);
      dweight[weight] += static_cast<double>(p.dy[out]) * static_cast<double>(p.x[in]);
    });
  }

  Doubles y, dx, dweight, dbias;
};

/// Relative to the largest result, or to what sums of so many numbers of either sign come to where they happen to cancel.
double worst_error(const Floats& got, const Doubles& want, int64_t terms) {
  double largest = 0.5 * std::sqrt(static_cast<double>(terms)), worst = 0.0;
  for (double value : want) largest = std::max(largest, std::fabs(value));
  for (size_t i = 0; i < got.size(); ++i) worst = std::max(worst, std::isnan(got[i]) ? 1.0 : std::fabs(static_cast<double>(got[i]) - want[i]));
  return worst == 0.0 ? 0.0 : worst / largest;  // no terms at all: nothing but zeros
}

double mean_square_error(const Floats& got, const Doubles& want) {
  double sum = 0.0;
  for (size_t i = 0; i < got.size(); ++i) sum += (static_cast<double>(got[i]) - want[i]) * (static_cast<double>(got[i]) - want[i]);
  return sum / static_cast<double>(got.size());
}

std::vector<Case> cases() {
  std::vector<Case> cases = {
      {0, 3, 5, 5, 4, 3, 3, 1, 1, 1, 1},    {5, 1, 28, 28, 6, 5, 5, 1, 1, 2, 2},  {9, 6, 14, 14, 16, 5, 5, 1, 1, 0, 0},
      {1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0},    {2, 3, 33, 31, 64, 7, 7, 2, 2, 3, 3}, {1, 2, 5, 7, 3, 1, 1, 3, 2, 2, 1},
      {2, 40, 6, 5, 75, 3, 2, 1, 2, 1, 0},  {1, 4, 6, 6, 37, 1, 1, 1, 1, 0, 0},   {3, 2, 9, 9, 2, 2, 2, 4, 5, 0, 1},
      {1, 1, 2000, 3, 1, 3, 3, 1, 1, 1, 1}, {6, 5, 5, 5, 5, 5, 5, 1, 1, 4, 4},    {4, 16, 8, 8, 16, 3, 3, 1, 1, 1, 1},
  };
  // Every number of channels that leaves another tail, with kernels, strides and paddings that go round beside it.
  int64_t turn = 0;
  for (const int64_t in : {1, 2, 3, 4, 5, 6, 7, 8, 9, 16}) {
    for (const int64_t out : {1, 3, 6, 8, 9, 16, 17}) {
      const int64_t kernel = 1 + turn % 5, stride = 1 + turn % 3, height = 5 + (turn * 7) % 13, width = 5 + (turn * 5) % 11;
      cases.push_back({1 + turn % 6, in, height, width, out, kernel, 1 + (turn / 2) % 4, stride, 1 + (turn / 3) % 2, turn % 3, (turn / 4) % 3});
      ++turn;
    }
  }
  return cases;
}

class Direct : public testing::TestWithParam<Case> {
 protected:
  void TearDown() override { set_kernel_threads(1); }
};

void expect_double_precision(const Case& c, const ConvolutionKernels& kernels) {
  const Problem problem(c.geometry());
  set_kernel_threads(1);
  const Results got = run(problem, kernels);
  const References want(problem);
  const ConvolutionGeometry& g = problem.g;
  const int64_t kernel = g.kernel_height * g.kernel_width, pixels = g.batch * g.out_height * g.out_width;
  EXPECT_LT(worst_error(got.y, want.y, kernel * g.in_channels / g.groups), 2e-6);
  EXPECT_LT(worst_error(got.dx, want.dx, kernel * g.out_channels / g.groups), 2e-6);
  if (!kernels.backward_weight) return;
  EXPECT_LT(worst_error(got.dweight, want.dweight, pixels), 2e-6);
  EXPECT_LT(worst_error(got.dbias, want.dbias, pixels), 2e-6);
}

void expect_same_bits(const Case& c, const ConvolutionKernels& kernels) {
  const Problem problem(c.geometry());
  set_kernel_threads(1);
  const Results alone = run(problem, kernels);
  for (const int threads : {2, 3, 7}) {
    set_kernel_threads(threads);
    EXPECT_TRUE(run(problem, kernels) == alone) << threads << " threads";
  }
}

TEST_P(Direct, EqualsDoublePrecision) { expect_double_precision(GetParam(), direct_kernels()); }
TEST_P(Direct, SameBitsForAnyNumberOfThreads) { expect_same_bits(GetParam(), direct_kernels()); }

INSTANTIATE_TEST_SUITE_P(Geometries, Direct, testing::ValuesIn(cases()));

/// Groups that fill vectors, several of them and parts of them, with kernels, strides and paddings of all sorts.
std::vector<Case> grouped_cases() {
  std::vector<Case> cases = {{0, 8, 5, 5, 8, 3, 3, 1, 1, 1, 1, 2}, {9, 16, 7, 7, 32, 3, 3, 1, 1, 1, 1, 4}, {5, 64, 9, 8, 64, 3, 3, 2, 2, 1, 1, 2}};
  int64_t turn = 0;
  for (const int64_t in : {1, 2, 3, 4, 8, 9, 16}) {
    for (const int64_t out : {1, 3, 4, 8, 17}) {
      const int64_t groups = 2 + turn % 7, kernel = 1 + turn % 4, height = 4 + (turn * 7) % 9, width = 4 + (turn * 5) % 7;
      cases.push_back({1 + turn % 5, in * groups, height, width, out * groups, kernel, 1 + (turn / 2) % 3, 1 + turn % 3, 1 + (turn / 3) % 2, turn % 3, (turn / 4) % 3, groups});
      ++turn;
    }
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Groups, Direct, testing::ValuesIn(grouped_cases()));

/// Odd and even sizes, one tile and many, all paddings, tails of channels, strips within an image and over several.
std::vector<Case> winograd_cases() {
  std::vector<Case> cases = {{0, 3, 5, 5, 4, 3, 3, 1, 1, 1, 1},     {1, 1, 3, 3, 1, 3, 3, 1, 1, 0, 0},    {1, 1, 1, 1, 1, 3, 3, 1, 1, 1, 1},
                             {3, 16, 32, 32, 16, 3, 3, 1, 1, 1, 1}, {13, 64, 8, 8, 64, 3, 3, 1, 1, 1, 1}, {2, 5, 4, 130, 7, 3, 3, 1, 1, 1, 1},
                             {40, 9, 6, 7, 33, 3, 3, 1, 1, 1, 1},   {2, 4, 1, 9, 3, 3, 3, 1, 1, 2, 0},    {3, 40, 7, 5, 75, 3, 3, 1, 1, 0, 2},
                             {2, 290, 5, 6, 37, 3, 3, 1, 1, 1, 1}};
  int64_t turn = 0;
  for (const int64_t in : {1, 3, 4, 8, 15, 16, 17}) {
    for (const int64_t out : {1, 6, 8, 17}) {
      cases.push_back({1 + turn % 6, in, 3 + (turn * 7) % 13, 3 + (turn * 5) % 11, out, 3, 3, 1, 1, turn % 3, (turn / 3) % 3});
      ++turn;
    }
  }
  return cases;
}

class Winograd : public Direct {};

TEST_P(Winograd, EqualsDoublePrecision) { expect_double_precision(GetParam(), winograd_kernels()); }
TEST_P(Winograd, SameBitsForAnyNumberOfThreads) { expect_same_bits(GetParam(), winograd_kernels()); }

/// Whatever else is in the batch: results and gradients of an image are those that it has alone.
void expect_no_place(Case c, const ConvolutionKernels& kernels) {
  const Problem problem(c.geometry());
  const Results all = run(problem, kernels);
  const auto images = static_cast<size_t>(c.batch);
  c.batch = 1;
  Problem single(c.geometry());
  single.weight = problem.weight;
  single.bias = problem.bias;
  for (size_t image = 0; image < images; ++image) {
    const auto copy_part = [&](const Floats& from, Floats& to) { std::copy_n(from.begin() + static_cast<ptrdiff_t>(image * to.size()), to.size(), to.begin()); };
    copy_part(problem.x, single.x);
    copy_part(problem.dy, single.dy);
    const Results got = run(single, kernels);
    Floats y = got.y, dx = got.dx;
    copy_part(all.y, y);
    copy_part(all.dx, dx);
    EXPECT_TRUE(y == got.y && dx == got.dx) << "image " << image;
  }
}

TEST_P(Winograd, AnImageDoesNotDependOnItsPlace) { expect_no_place(GetParam(), winograd_kernels()); }

INSTANTIATE_TEST_SUITE_P(Geometries, Winograd, testing::ValuesIn(winograd_cases()));

/// Chunks and segments within an image and over several, blocks of channels with and without tails.
std::vector<Case> panel_cases() {
  std::vector<Case> some = cases();
  some.insert(some.end(), {{3, 16, 30, 31, 16, 1, 1, 1, 1, 0, 0}, {2, 270, 5, 5, 140, 1, 1, 1, 1, 0, 0}, {8, 24, 16, 16, 20, 3, 3, 2, 2, 1, 1}});
  return some;
}

class Panels : public Direct {};

TEST_P(Panels, EqualsDoublePrecision) { expect_double_precision(GetParam(), panel_kernels()); }
TEST_P(Panels, SameBitsForAnyNumberOfThreads) { expect_same_bits(GetParam(), panel_kernels()); }

INSTANTIATE_TEST_SUITE_P(Geometries, Panels, testing::ValuesIn(panel_cases()));

class Product : public Direct {};

TEST_P(Product, EqualsDoublePrecision) { expect_double_precision(GetParam(), product_kernels(GetParam())); }

TEST_F(Product, TransposesMatricesOfAnySize) {
  for (const int threads : {1, 3}) {
    set_kernel_threads(threads);
    for (const int64_t rows : {1, 3, 4, 16, 21, 50}) {
      for (const int64_t columns : {1, 2, 4, 7, 257, 520}) {
        const Floats from = noise(rows * columns, 1);
        Floats to(from.size(), NAN);
        cpu::direct::transpose(rows, columns, from.data(), to.data());
        for (int64_t i = 0; i < rows * columns; ++i) {
          ASSERT_EQ(to[static_cast<size_t>(i % columns * rows + i / columns)], from[static_cast<size_t>(i)]) << rows << " x " << columns << ", element " << i;
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Geometries, Product,
                         testing::Values(Case{0, 16, 4, 4, 16, 1, 1, 1, 1, 0, 0}, Case{5, 16, 9, 7, 24, 1, 1, 1, 1, 0, 0}, Case{3, 33, 9, 8, 17, 1, 1, 2, 2, 0, 0},
                                         Case{2, 20, 7, 10, 35, 1, 1, 1, 3, 0, 0}, Case{8, 64, 40, 40, 16, 1, 1, 1, 1, 0, 0},
                                         Case{1, 512, 5, 3, 128, 1, 1, 1, 1, 0, 0}, Case{5, 130, 15, 14, 514, 1, 1, 1, 1, 0, 0}));

/// Vectors of channels and tails, both strides, edges on all sides, images smaller than a window.
std::vector<Case> depthwise_cases() {
  std::vector<Case> cases;
  int64_t turn = 0;
  for (const int64_t channels : {1, 3, 7, 8, 9, 16, 24, 40, 67}) {
    for (const int64_t stride : {1, 2, 3}) {
      cases.push_back({turn % 4, channels, 1 + (turn * 7) % 13, 1 + (turn * 5) % 11, channels, 3, 3, stride, 1 + turn % 2, 1 + turn % 2, 1 + (turn / 2) % 2, channels});
      ++turn;
    }
  }
  cases.push_back({4, 32, 40, 70, 32, 3, 3, 1, 1, 1, 1, 32});
  cases.push_back({2, 16, 9, 8, 16, 3, 3, 2, 2, 0, 0, 16});
  return cases;
}

class Depthwise : public Direct {};

TEST_P(Depthwise, EqualsDoublePrecision) { expect_double_precision(GetParam(), depthwise_kernels()); }
TEST_P(Depthwise, SameBitsForAnyNumberOfThreads) { expect_same_bits(GetParam(), depthwise_kernels()); }

INSTANTIATE_TEST_SUITE_P(Geometries, Depthwise, testing::ValuesIn(depthwise_cases()));

/// Groups of each size that a vector may share or fill, both steps, all paddings, odd and even sizes, several bands and several chunks of channels.
std::vector<Case> three_by_three_cases() {
  std::vector<Case> cases = {{0, 16, 5, 5, 16, 3, 3, 1, 1, 1, 1, 4}, {9, 32, 7, 7, 32, 3, 3, 1, 1, 1, 1, 8},       {1, 144, 40, 41, 144, 3, 3, 1, 1, 1, 1, 36},
                             {2, 64, 3, 3, 64, 3, 3, 2, 2, 1, 1, 2}, {1, 256, 30, 17, 256, 3, 3, 2, 2, 1, 1, 32}};
  int64_t turn = 0;
  for (const int64_t of_group : {4, 8, 16, 32, 48}) {
    for (const int64_t step : {1, 2}) {
      for (const int64_t padding : {0, 1, 2}) {
        const int64_t channels = of_group * (of_group == 4 ? 12 : of_group == 8 ? 6 : 2), height = 3 + (turn * 7) % 12, width = 3 + (turn * 5) % 14;
        cases.push_back({1 + turn % 6, channels, height, width, channels, 3, 3, step, step, padding, (padding + turn) % 3, channels / of_group});
        ++turn;
      }
    }
  }
  return cases;
}

class Grouped : public Direct {};

TEST_P(Grouped, EqualsDoublePrecision) { expect_double_precision(GetParam(), grouped_kernels()); }
TEST_P(Grouped, SameBitsForAnyNumberOfThreads) { expect_same_bits(GetParam(), grouped_kernels()); }
TEST_P(Grouped, AnImageDoesNotDependOnItsPlace) { expect_no_place(GetParam(), grouped_kernels()); }

INSTANTIATE_TEST_SUITE_P(Geometries, Grouped, testing::ValuesIn(three_by_three_cases()));

TEST(DirectThreads, SameBitsWhereThereIsEnoughToSplit) {
  const Problem problem(Case{22, 6, 20, 20, 9, 5, 5, 1, 1, 2, 2}.geometry());
  set_kernel_threads(1);
  const Results alone = run(problem, direct_kernels());
  for (const int threads : {2, 3, 5}) {
    set_kernel_threads(threads);
    EXPECT_TRUE(run(problem, direct_kernels()) == alone) << threads << " threads";
  }
  set_kernel_threads(1);
}

TEST(DirectPrecision, GradientsOfWeightsAreAtLeastAsPreciseAsOneDnns) {
  for (const Case& c : {Case{32, 1, 28, 28, 6, 5, 5, 1, 1, 2, 2}, Case{32, 6, 14, 14, 16, 5, 5, 1, 1, 0, 0}, Case{16, 3, 32, 32, 16, 3, 3, 1, 1, 1, 1}}) {
    const Problem problem(c.geometry());
    const References want(problem);
    const Results ours = run(problem, direct_kernels()), theirs = run(problem, cpu::onednn::convolution_kernels());
    EXPECT_LE(mean_square_error(ours.dweight, want.dweight), 1.1 * mean_square_error(theirs.dweight, want.dweight)) << testing::PrintToString(c);
    EXPECT_LE(mean_square_error(ours.dbias, want.dbias), 1.1 * mean_square_error(theirs.dbias, want.dbias)) << testing::PrintToString(c);
    RecordProperty("ratio", std::to_string(mean_square_error(ours.dweight, want.dweight) / mean_square_error(theirs.dweight, want.dweight)));
  }
}

TEST(DirectChoice, LeavesDilationAndSingleChannelsOfAGroupToOneDnn) {
  using cpu::direct::Direction, cpu::direct::Method, cpu::direct::method_for;
  ConvolutionGeometry g = Case{8, 6, 14, 14, 12, 3, 3, 1, 1, 1, 1}.geometry();
  for (const Direction direction : {Direction::forward, Direction::backward_data, Direction::backward_weight}) {
    EXPECT_EQ(method_for(g, direction), Method::direct);
    ConvolutionGeometry single = g, dilated = g;
    single.groups = 6;
    dilated.dilation_width = 2;
    EXPECT_EQ(method_for(single, direction), Method::library);
    EXPECT_EQ(method_for(dilated, direction), Method::library);
  }
}

}  // namespace
}  // namespace tessera::test
