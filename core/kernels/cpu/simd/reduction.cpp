// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/reduction.h"

#include "core/kernels/cpu/simd/parallel.h"

TESSERA_ISA_BEGIN
namespace {

constexpr int64_t kLanes = 32;
constexpr int64_t kBlockRows = 128;
constexpr int64_t kPartialBlocks = 64;  // blocks whose sums are kept at a time

/// Element (row, lane) of x lies at row * stride + lane; sums[lane] = sum over rows. Lanes from `count` on are left at zero.
template <bool kFull>
inline void sum_block(const float* x, int64_t rows, int64_t stride, int64_t count, double (&sums)[kLanes]) {
  for (double& sum : sums) sum = 0.0;
  for (int64_t row = 0; row < rows; ++row, x += stride) {
#pragma GCC ivdep
    for (int64_t lane = 0; lane < (kFull ? kLanes : count); ++lane) sums[lane] += static_cast<double>(x[lane]);
  }
}

/// totals[lane] += sums over all rows, by blocks in threads, the blocks added in order.
void sum_rows(const float* x, int64_t rows, int64_t stride, int64_t count, double (&totals)[kLanes]) {
  double partial[kPartialBlocks][kLanes];
  constexpr int64_t kRowsAtATime = kBlockRows * kPartialBlocks;
  for (int64_t first = 0; first < rows; first += kRowsAtATime) {
    const int64_t here = rows - first < kRowsAtATime ? rows - first : kRowsAtATime;
    const int64_t blocks = (here + kBlockRows - 1) / kBlockRows;
    parallel_for(blocks, kBlockRows * count, [&](int64_t block) {
      const int64_t begin = block * kBlockRows, left = here - begin;
      const auto sum = count == kLanes ? sum_block<true> : sum_block<false>;
      sum(x + (first + begin) * stride, left < kBlockRows ? left : kBlockRows, stride, count, partial[block]);
    });
    for (int64_t block = 0; block < blocks; ++block) {
      for (int64_t lane = 0; lane < count; ++lane) totals[lane] += partial[block][lane];
    }
  }
}

/// The sum of neighbours in memory: lane by lane, then over the lanes in order, then the rest.
double sum_neighbours(const float* x, int64_t size) {
  double totals[kLanes] = {}, sum = 0.0;
  const int64_t rows = size / kLanes;
  sum_rows(x, rows, kLanes, kLanes, totals);
  for (double total : totals) sum += total;
  for (int64_t i = rows * kLanes; i < size; ++i) sum += static_cast<double>(x[i]);
  return sum;
}

/// Threads take whole results where there are many, and blocks of one result's terms where there are few.
template <typename Body>
inline void for_each_part(int64_t parts, int64_t work, Body body) {
  if (parts >= omp_get_max_threads()) {
    parallel_for(parts, work, body);
  } else {
    for (int64_t part = 0; part < parts; ++part) body(part);
  }
}

/// Where the terms of a result (outer, middle) begin.
const float* terms_of(const SumReduction& args, int64_t result, int64_t repeat) {
  const int64_t outer = result / args.middle, middle = result % args.middle;
  return args.x + ((outer * args.repeats + repeat) * args.middle + middle) * args.size * args.inner;
}

void sum_to_scalars(const SumReduction& args) {
  for_each_part(args.outer * args.middle, args.repeats * args.size, [&](int64_t result) {
    double total = 0.0;
    for (int64_t repeat = 0; repeat < args.repeats; ++repeat) total += sum_neighbours(terms_of(args, result, repeat), args.size);
    args.y[result] = static_cast<float>(total * args.scale);
  });
}

void sum(const SumReduction& args) {
  if (args.inner == 1) return sum_to_scalars(args);
  const int64_t groups = (args.inner + kLanes - 1) / kLanes;
  for_each_part(args.outer * args.middle * groups, args.repeats * args.size * kLanes, [&](int64_t part) {
    const int64_t result = part / groups, first = part % groups * kLanes;
    const int64_t count = args.inner - first < kLanes ? args.inner - first : kLanes;
    double totals[kLanes] = {};
    for (int64_t repeat = 0; repeat < args.repeats; ++repeat) sum_rows(terms_of(args, result, repeat) + first, args.size, args.inner, count, totals);
    float* y = args.y + result * args.inner + first;
    for (int64_t lane = 0; lane < count; ++lane) y[lane] = static_cast<float>(totals[lane] * args.scale);
  });
}

/// Whether `value` takes the place of `best`: larger (or smaller), or the first NaN.
template <bool kLargest>
inline bool beats(float value, float best) {
  const bool better = kLargest ? value > best : value < best;
  return better | ((value != value) & (best == best));
}

template <bool kLargest>
void extremum_of_neighbours(const float* x, int64_t size, float* y, int32_t* place) {
  float lanes[kLanes];
  for (float& lane : lanes) lane = x[0];
  const int64_t whole = size / kLanes * kLanes;
  for (int64_t i = 0; i < whole; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] = beats<kLargest>(x[i + lane], lanes[lane]) ? x[i + lane] : lanes[lane];
  }
  float best = lanes[0];
  for (float lane : lanes) best = beats<kLargest>(lane, best) ? lane : best;
  for (int64_t i = whole; i < size; ++i) best = beats<kLargest>(x[i], best) ? x[i] : best;
  int64_t first = 0;
  while (!(x[first] == best || (x[first] != x[first] && best != best))) ++first;
  *y = x[first];
  *place = static_cast<int32_t>(first);
}

template <bool kLargest>
void extremum_of_rows(const float* x, int64_t rows, int64_t stride, int64_t count, float* y, int32_t* place) {
  for (int64_t i = 0; i < count; ++i) {
    y[i] = x[i];
    place[i] = 0;
  }
  for (int64_t row = 1; row < rows; ++row) {
    const float* values = x + row * stride;
#pragma GCC ivdep
    for (int64_t i = 0; i < count; ++i) {
      const bool better = beats<kLargest>(values[i], y[i]);
      y[i] = better ? values[i] : y[i];
      place[i] = better ? static_cast<int32_t>(row) : place[i];
    }
  }
}

template <bool kLargest>
void run_extremum(const ExtremumReduction& args) {
  if (args.inner == 1) {
    parallel_for(args.outer, args.size,
                 [&](int64_t row) { extremum_of_neighbours<kLargest>(args.x + row * args.size, args.size, args.y + row, args.place + row); });
    return;
  }
  constexpr int64_t kColumns = 512;  // results that stay in the first cache
  const int64_t groups = (args.inner + kColumns - 1) / kColumns;
  parallel_for(args.outer * groups, args.size * kColumns, [&](int64_t part) {
    const int64_t outer = part / groups, first = part % groups * kColumns;
    const int64_t count = args.inner - first < kColumns ? args.inner - first : kColumns, out = outer * args.inner + first;
    extremum_of_rows<kLargest>(args.x + outer * args.size * args.inner + first, args.size, args.inner, count, args.y + out, args.place + out);
  });
}

void extremum(const ExtremumReduction& args) { return args.largest ? run_extremum<true>(args) : run_extremum<false>(args); }

void extremum_backward(const ExtremumBackward& args) {
  parallel_for(args.outer, args.size * args.inner, [&](int64_t outer) {
    float* dx = args.dx + outer * args.size * args.inner;
    __builtin_memset(dx, 0, static_cast<size_t>(args.size * args.inner) * sizeof(float));
    for (int64_t i = 0; i < args.inner; ++i) dx[args.place[outer * args.inner + i] * args.inner + i] = args.dy[outer * args.inner + i];
  });
}

}  // namespace

ReductionKernels reduction_kernels() { return {sum, extremum, extremum_backward}; }

TESSERA_ISA_END
