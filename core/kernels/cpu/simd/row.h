// SPDX-License-Identifier: Apache-2.0
// Sums and maxima of rows in f32. Element i is added to lane i % 32 and the lanes are then added pairwise, so that the bits are the same for
// every instruction set.
#pragma once

#include "core/kernels/cpu/simd/parallel.h"
#include "core/kernels/cpu/simd/vector.h"

TESSERA_ISA_BEGIN
namespace {

constexpr int64_t kRowLanes = 32;
constexpr int64_t kRowBlock = 4096;  // so many elements are summed in f32, blocks in f64
constexpr int64_t kSegments = 64;

inline float add_lanes(float (&lanes)[kRowLanes]) {
  for (int64_t width = kRowLanes / 2; width > 0; width /= 2) {
    for (int64_t lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
  }
  return lanes[0];
}

/// Sum of term(Value(), i) over [begin, end), at most a block; the term of a Vector stands for kLanes elements from i on.
template <typename Term>
inline float block_sum(int64_t begin, int64_t end, Term term) {
  constexpr int kVectors = static_cast<int>(kRowLanes / kLanes);
  Vector sums[kVectors] = {};
  int64_t i = begin;
  for (; i + kRowLanes <= end; i += kRowLanes) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sums[v] += term(Vector(), i + v * kLanes);
  }
  float lanes[kRowLanes];
  for (int v = 0; v < kVectors; ++v) store(lanes + v * kLanes, sums[v]);
  for (int64_t lane = 0; i < end; ++i, ++lane) lanes[lane] += term(float(), i);
  return add_lanes(lanes);
}

template <typename Term>
inline double row_sum(int64_t count, Term term) {
  double sum = 0.0;
  for (int64_t begin = 0; begin < count; begin += kRowBlock) {
    sum += static_cast<double>(block_sum(begin, begin + kRowBlock < count ? begin + kRowBlock : count, term));
  }
  return sum;
}

inline double row_sum(const float* row, int64_t count) {
  return row_sum(count, [row](auto kind, int64_t i) { return load<decltype(kind)>(row + i); });
}

/// Of at least one element. NaN may or may not be seen.
inline float row_maximum(const float* row, int64_t count) {
  float largest = row[0];
  int64_t i = 0;
  if (count >= kLanes) {
    Vector lanes = load<Vector>(row);
    for (i = kLanes; i + kLanes <= count; i += kLanes) {
      const Vector next = load<Vector>(row + i);
      lanes = next > lanes ? next : lanes;
    }
    largest = lanes[0];
    for (int lane = 1; lane < kLanes; ++lane) largest = lanes[lane] > largest ? lanes[lane] : largest;
  }
  for (; i < count; ++i) largest = row[i] > largest ? row[i] : largest;
  return largest;
}

/// Sum of body(begin, end), an f64, over [0, count) cut into pieces that depend on count and `unit` alone: multiples of `unit`.
template <typename Body>
inline double segmented_sum(int64_t count, int64_t unit, int64_t work, Body body) {
  const int64_t units = (count + unit - 1) / unit;
  const int64_t length = (units + kSegments - 1) / kSegments * unit;
  double sums[kSegments] = {};
  parallel_for(kSegments, length * work, [&](int64_t segment) {
    const int64_t begin = segment * length, end = begin + length < count ? begin + length : count;
    if (begin < end) sums[segment] = body(begin, end);
  });
  double sum = 0.0;
  for (double part : sums) sum += part;
  return sum;
}

}  // namespace
TESSERA_ISA_END
