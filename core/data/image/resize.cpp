// SPDX-License-Identifier: Apache-2.0
#include "core/data/image/resize.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/kernels/kernels.h"

namespace tessera::data {
namespace {

double triangle(double x) { return std::max(0.0, 1.0 - std::abs(x)); }

/// Keys' cubic convolution with a = -1/2.
double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

int32_t fixed_weight(double weight) {
  constexpr double kOne = 1 << kWeightBits;
  return static_cast<int32_t>(weight < 0 ? weight * kOne - 0.5 : weight * kOne + 0.5);
}

}  // namespace

Resizer::Range Resizer::Filter::needed() const {
  int64_t begin = ranges.front().first, end = begin;
  for (const Range& range : ranges) {
    begin = std::min(begin, range.first);
    end = std::max(end, range.first + range.count);
  }
  return {begin, end - begin};
}

/// Arithmetic, its order and its types are those of Pillow's src/libImaging/Resample.c; edges are f32 there.
void Resizer::fill(Filter& filter, const Axis& axis, Interpolation kind) {
  const double scale = static_cast<double>(axis.end - axis.begin) / static_cast<double>(axis.whole);
  const double filter_scale = std::max(scale, 1.0), inverse = 1.0 / filter_scale;
  const double support = (kind == Interpolation::bilinear ? 1.0 : 2.0) * filter_scale;
  const auto center_of = [&](int64_t i) { return axis.begin + (static_cast<double>(i + axis.part_begin) + 0.5) * scale; };
  filter.taps = 0;
  filter.ranges.clear();
  for (int64_t i = 0; i < axis.part_size; ++i) {
    const auto first = std::max<int64_t>(static_cast<int64_t>(center_of(i) - support + 0.5), 0);
    const int64_t count = std::min(static_cast<int64_t>(center_of(i) + support + 0.5), axis.source) - first;
    filter.ranges.push_back({first, count});
    filter.taps = std::max(filter.taps, count);
  }
  filter.weights.assign(static_cast<size_t>(axis.part_size * filter.taps), 0);
  std::vector<double> values(static_cast<size_t>(filter.taps));
  for (int64_t i = 0; i < axis.part_size; ++i) {
    const Range range = filter.ranges[static_cast<size_t>(i)];
    double sum = 0;
    for (int64_t k = 0; k < range.count; ++k) {
      const double x = (static_cast<double>(k + range.first) - center_of(i) + 0.5) * inverse;
      sum += values[static_cast<size_t>(k)] = kind == Interpolation::bilinear ? triangle(x) : cubic(x);
    }
    int32_t* const weights = &filter.weights[static_cast<size_t>(i * filter.taps)];
    for (int64_t k = 0; k < range.count; ++k) weights[k] = fixed_weight(sum != 0.0 ? values[static_cast<size_t>(k)] / sum : 0.0);
  }
}

Region Resizer::prepare(const ResizePlan& plan) {
  const auto edge = [](double position) { return static_cast<float>(position); };
  const SourceBox& box = plan.box;
  fill(across_, {plan.source_width, edge(box.left), edge(box.left + box.width), plan.width, plan.part.left, plan.part.width},
       plan.interpolation);
  fill(down_, {plan.source_height, edge(box.top), edge(box.top + box.height), plan.height, plan.part.top, plan.part.height},
       plan.interpolation);
  flip_ = plan.flip;
  const Range rows = down_.needed(), columns = across_.needed();
  return {rows.first, columns.first, rows.count, columns.count};
}

/// The layout of ResampleAcross for source columns [begin, end). Every result has the same number of taps, some of weight 0, and they all
/// lie in that range; a flip is another order of the same sums.
void Resizer::pack_columns(int64_t begin, int64_t end) {
  const auto columns = static_cast<int64_t>(across_.ranges.size());
  groups_ = (across_.taps + kTapGroup - 1) / kTapGroup;
  packed_.assign(static_cast<size_t>(columns * groups_ * 2 * kTapGroup), 0);
  first_.resize(static_cast<size_t>(columns));
  for (int64_t i = 0; i < columns; ++i) {
    const int64_t from = flip_ ? columns - 1 - i : i;
    const Range range = across_.ranges[static_cast<size_t>(from)];
    const int64_t first = std::max(begin, std::min(range.first, end - across_.taps));
    first_[static_cast<size_t>(i)] = static_cast<int32_t>(first - begin);
    const int32_t* const weights = &across_.weights[static_cast<size_t>(from * across_.taps)];
    int16_t* const packed = &packed_[static_cast<size_t>(i * groups_ * 2 * kTapGroup)];
    for (int64_t k = 0; k < range.count; ++k) {
      const int64_t tap = range.first - first + k;
      int16_t* const group = packed + tap / kTapGroup * 2 * kTapGroup + tap % kTapGroup;
      group[0] = static_cast<int16_t>(weights[k] >> kLowWeightBits);
      group[kTapGroup] = static_cast<int16_t>(weights[k] & ((1 << kLowWeightBits) - 1));
    }
  }
}

void Resizer::resize(const Image& image, int64_t top, int64_t left, Image& out) {
  const Range needed_rows = down_.needed(), needed_columns = across_.needed();
  TESSERA_ASSERT(needed_rows.first >= top && needed_rows.first + needed_rows.count <= top + image.height(),
                 "rows that a resize needs are missing");
  TESSERA_ASSERT(needed_columns.first >= left && needed_columns.first + needed_columns.count <= left + image.width(),
                 "columns that a resize needs are missing");
  pack_columns(left, left + image.width());
  const auto height = static_cast<int64_t>(down_.ranges.size()), width = static_cast<int64_t>(across_.ranges.size());
  const int64_t stride_bytes = width * Image::kChannels + 1;
  const size_t wanted_bytes = static_cast<size_t>(needed_rows.count * stride_bytes) + Image::kPaddingBytes;
  if (rows_.size() < wanted_bytes) rows_.resize(wanted_bytes);
  const ResampleKernels& kernels = kernels_for(Device::cpu).resample;
  kernels.across({needed_rows.count, width, groups_, first_.data(), packed_.data(), image.row(needed_rows.first - top), image.row_bytes(),
                  rows_.data(), stride_bytes});
  out.resize(height, width);
  for (int64_t y = 0; y < height; ++y) {
    const Range range = down_.ranges[static_cast<size_t>(y)];
    kernels.down({out.row_bytes(), range.count, &down_.weights[static_cast<size_t>(y * down_.taps)],
                  rows_.data() + (range.first - needed_rows.first) * stride_bytes, stride_bytes, out.row(y)});
  }
}

}  // namespace tessera::data
