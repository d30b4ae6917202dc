// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/reduction.h"

#include "core/kernels/cpu/simd/parallel.h"

TESSERA_ISA_BEGIN
namespace {

constexpr int64_t kLanes = 32;      // of neighbours that are summed
constexpr int64_t kColumns = 1024;  // that are reduced at a time; their results stay in the first cache
constexpr int64_t kBlockRows = 128;
constexpr int64_t kPartials = 8 * kColumns;  // sums of blocks that are kept at a time

/// Element (row, column) of x lies at row * stride + column; sums[column] += sum over rows. kCount: columns, where it is known; `count` elsewhere.
template <int64_t kCount>
inline void sum_block(const float* x, int64_t rows, int64_t stride, int64_t count, double* sums) {
  for (int64_t row = 0; row < rows; ++row, x += stride) {
#pragma GCC ivdep
    for (int64_t column = 0; column < (kCount > 0 ? kCount : count); ++column) sums[column] += static_cast<double>(x[column]);
  }
}

/// totals[column] += sums over all rows, by blocks in threads, the blocks added in order.
template <int64_t kCount>
void sum_rows(const float* x, int64_t rows, int64_t stride, int64_t count, double* totals) {
  if (rows <= kBlockRows) return sum_block<kCount>(x, rows, stride, count, totals);
  double partial[kPartials];
  const int64_t rows_at_a_time = kPartials / count * kBlockRows;
  for (int64_t first = 0; first < rows; first += rows_at_a_time) {
    const int64_t here = rows - first < rows_at_a_time ? rows - first : rows_at_a_time;
    const int64_t blocks = (here + kBlockRows - 1) / kBlockRows;
    parallel_for(blocks, kBlockRows * count, [&](int64_t block) {
      const int64_t begin = block * kBlockRows, left = here - begin;
      double* sums = partial + block * count;
      for (int64_t column = 0; column < count; ++column) sums[column] = 0.0;
      sum_block<kCount>(x + (first + begin) * stride, left < kBlockRows ? left : kBlockRows, stride, count, sums);
    });
    for (int64_t block = 0; block < blocks; ++block) {
      for (int64_t column = 0; column < count; ++column) totals[column] += partial[block * count + column];
    }
  }
}

/// The sum of neighbours in memory: lane by lane, then over the lanes, halves added to each other.
double sum_neighbours(const float* x, int64_t size) {
  double totals[kLanes] = {};
  const int64_t rows = size / kLanes, whole = rows * kLanes;
  sum_rows<kLanes>(x, rows, kLanes, kLanes, totals);
  for (int64_t i = whole; i < size; ++i) totals[i - whole] += static_cast<double>(x[i]);
  for (int64_t half = kLanes / 2; half > 0; half /= 2) {
    for (int64_t lane = 0; lane < half; ++lane) totals[lane] += totals[lane + half];
  }
  return totals[0];
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
  const int64_t groups = (args.inner + kColumns - 1) / kColumns;
  for_each_part(args.outer * args.middle * groups, args.repeats * args.size * kColumns, [&](int64_t part) {
    const int64_t result = part / groups, first = part % groups * kColumns;
    const int64_t count = args.inner - first < kColumns ? args.inner - first : kColumns;
    double totals[kColumns];
    for (int64_t column = 0; column < count; ++column) totals[column] = 0.0;
    for (int64_t repeat = 0; repeat < args.repeats; ++repeat) sum_rows<0>(terms_of(args, result, repeat) + first, args.size, args.inner, count, totals);
    float* y = args.y + result * args.inner + first;
    for (int64_t column = 0; column < count; ++column) y[column] = static_cast<float>(totals[column] * args.scale);
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
