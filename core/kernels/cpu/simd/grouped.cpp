// SPDX-License-Identifier: Apache-2.0
// Compiled with contraction of a * b + c into one instruction, as tile.cpp is and for the same reason.
#include "core/kernels/cpu/direct/grouped.h"

#include <utility>

#include "core/kernels/cpu/simd/vector.h"

TESSERA_ISA_BEGIN
namespace {

constexpr int kColumns = 3;
constexpr int kTerms = GroupedKernels::kTermsAtOnce;

/// What a term multiplies in every lane: one number, or, where groups of kSpan channels lie side by side, the same channel of each.
template <int kSpan>
inline __attribute__((always_inline)) auto factor(const float* x, int term) {
  if constexpr (kSpan >= kLanes) {
    return x[term];
  } else {
    IntVector from{};
    for (int lane = 0; lane < kLanes; ++lane) from[lane] = lane / kSpan * kSpan + term;
    return choose(load<Vector>(x), from);
  }
}

/// body(x, term) for all terms of a panel, the terms being constants: where numbers stand for themselves, x moves instead.
template <int kSpan, typename Body>
inline __attribute__((always_inline)) void for_each_term(const float* x, int64_t terms, Body body) {
  if constexpr (kSpan >= kLanes) {
    for (const float* end = x + terms; x < end; ++x) body(x, 0);
  } else {
    [&]<int... kTerm>(std::integer_sequence<int, kTerm...>) __attribute__((always_inline)) { (body(x, kTerm), ...); }(std::make_integer_sequence<int, kSpan>());
  }
}

/// body(x, term, weights of the three columns) for everything that a result is a sum of.
template <int kSpan, typename Body>
inline __attribute__((always_inline)) void for_each_factor(const GroupedRow& args, Body body) {
  for (int64_t row = 0; row < args.rows; ++row) {
    const float* weight = args.weight + row * args.weight_row;
    for (int64_t panel = 0; panel < args.panels; ++panel) {
      for_each_term<kSpan>(args.x + row * args.x_row + panel * args.x_panel, args.terms, [&](const float* x, int term) __attribute__((always_inline)) {
        const Vector weights[kColumns] = {load<Vector>(weight), load<Vector>(weight + kLanes), load<Vector>(weight + 2 * kLanes)};
        weight += kColumns * kLanes;
        body(x, term, weights);
      });
    }
  }
}

template <int kSpan, int kStep, int kResults>
void row_of(const GroupedRow& args) {
  Vector sums[kResults];
  for (Vector& sum : sums) sum = args.start ? load<Vector>(args.start) : Vector{};
  for_each_factor<kSpan>(args, [&](const float* x, int term, const Vector(&weights)[kColumns]) __attribute__((always_inline)) {
#pragma GCC unroll 24
    for (int pixel = 0; pixel < (kResults - 1) * kStep + kColumns; ++pixel) {
      const auto value = factor<kSpan>(x + pixel * kGroupedPanel, term);
#pragma GCC unroll 3
      for (int column = 0; column < kColumns; ++column) {
        const int from_first = pixel - column;
        if (from_first >= 0 && from_first % kStep == 0 && from_first / kStep < kResults) sums[from_first / kStep] += weights[column] * value;
      }
    }
  });
  for (int result = 0; result < kResults; ++result) store(args.y + result * args.y_pixel, sums[result]);
}

template <int kSpan, int kPairs>
void pairs_of(const GroupedRow& args) {
  Vector even[kPairs] = {}, odd[kPairs] = {};
  for_each_factor<kSpan>(args, [&](const float* x, int term, const Vector(&weights)[kColumns]) __attribute__((always_inline)) {
#pragma GCC unroll 8
    for (int pixel = 0; pixel <= kPairs; ++pixel) {
      const auto value = factor<kSpan>(x + pixel * kGroupedPanel, term);
      if (pixel > 0) even[pixel - 1] += weights[0] * value, odd[pixel - 1] += weights[1] * value;
      if (pixel < kPairs) even[pixel] += weights[2] * value;
    }
  });
  const auto keep = [&](int64_t column, Vector value) {
    if (column >= args.first && column < args.end) store(args.y + column * args.y_pixel, value);
  };
  for (int pair = 0; pair < kPairs; ++pair) {
    keep(2 * pair, even[pair]);
    keep(2 * pair + 1, odd[pair]);
  }
}

template <int kSpan, int kFirst, int kStep>
void gradient_of(const GroupedGradient& args) {
  Vector sums[kColumns][kTerms] = {};
  for (int64_t row = 0; row < args.rows; ++row) {
    const float *x = args.x + row * args.x_row, *dy = args.dy + row * args.dy_row;
    Vector last{}, before_last{};
    for (int64_t column = 0; column < args.columns + kColumns - kStep; ++column, x += kStep * kGroupedPanel, dy += kGroupedPanel) {
      const Vector now = load<Vector>(dy);
#pragma GCC unroll 4
      for (int term = 0; term < kTerms; ++term) {  // one factor at a time: registers hold no more
        const auto value = factor<kSpan>(x, kFirst + term);
        sums[0][term] += now * value;
        if constexpr (kStep == 1) {
          sums[1][term] += last * value;
          sums[2][term] += before_last * value;
        } else {
          sums[2][term] += last * value;
          sums[1][term] += now * factor<kSpan>(x + kGroupedPanel, kFirst + term);
        }
      }
      before_last = last;
      last = now;
    }
  }
#pragma GCC unroll 4
  for (int term = 0; term < kTerms; ++term) {
#pragma GCC unroll 3
    for (int column = 0; column < kColumns; ++column) {
      float* to = args.sums + (term * kColumns + column) * kLanes;
      store(to, load<Vector>(to) + sums[column][term]);
    }
  }
}

/// body(std::integral_constant of the span): of a vector's lanes those that share their factors.
template <typename Body>
void with_span(int64_t terms, Body body) {
  if constexpr (kLanes > 4) {
    if (terms == 4) return body(std::integral_constant<int, 4>());
  }
  if constexpr (kLanes > 8) {
    if (terms == 8) return body(std::integral_constant<int, 8>());
  }
  body(std::integral_constant<int, kLanes>());
}

using Row = void (*)(const GroupedRow&);

template <int kSpan, int kStep, int... kResults>
void run_row(const GroupedRow& args, std::integer_sequence<int, kResults...>) {
  static constexpr Row kTable[] = {row_of<kSpan, kStep, kResults + 1>...};
  kTable[args.results - 1](args);
}

template <int kSpan, int... kPairs>
void run_pairs(const GroupedRow& args, std::integer_sequence<int, kPairs...>) {
  static constexpr Row kTable[] = {pairs_of<kSpan, kPairs + 1>...};
  kTable[args.results - 1](args);
}

void row(const GroupedRow& args) {
  constexpr auto kCounts = std::make_integer_sequence<int, GroupedKernels::kMostResults>();
  with_span(args.terms, [&](auto span) { args.step == 1 ? run_row<span, 1>(args, kCounts) : run_row<span, 2>(args, kCounts); });
}

void pairs(const GroupedRow& args) {
  with_span(args.terms, [&](auto span) { run_pairs<span>(args, std::make_integer_sequence<int, GroupedKernels::kMostPairs>()); });
}

template <int kSpan, int kFirst>
void run_gradient(const GroupedGradient& args) {
  args.step == 1 ? gradient_of<kSpan, kFirst, 1>(args) : gradient_of<kSpan, kFirst, 2>(args);
}

void gradient(const GroupedGradient& args) {
  with_span(args.terms, [&](auto span) {
    if constexpr (span < kLanes && span > kTerms) {  // constants again
      if (args.first_term == kTerms) return run_gradient<span, kTerms>(args);
    }
    if constexpr (span < kLanes) {
      run_gradient<span, 0>(args);
    } else {
      GroupedGradient moved = args;
      moved.x += args.first_term;
      run_gradient<span, 0>(moved);
    }
  });
}

}  // namespace

GroupedKernels grouped_kernels() { return {kLanes, row, pairs, gradient}; }

TESSERA_ISA_END
