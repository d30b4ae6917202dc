// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/cpu/direct/depthwise.h"

#include "core/kernels/cpu/simd/vector.h"

TESSERA_ISA_BEGIN
namespace {

constexpr int kVectorsAtOnce = 4;  // share the loads of the places' addresses

template <typename Value, int kCount>
inline void sum_channels(const DepthwiseSum& args, int64_t channel) {
  constexpr int64_t kStep = sizeof(Value) / sizeof(float);
  Value sums[kCount];
  for (int v = 0; v < kCount; ++v) sums[v] = args.start ? load<Value>(args.start + channel + v * kStep) : Value{};
  for (int64_t place = 0; place < args.places; ++place) {
    const float *x = args.x[place] + channel, *weight = args.weight[place] + channel;
#pragma GCC unroll 4
    for (int v = 0; v < kCount; ++v) sums[v] += load<Value>(x + v * kStep) * load<Value>(weight + v * kStep);
  }
  for (int v = 0; v < kCount; ++v) store(args.out + channel + v * kStep, sums[v]);
}

void sum(const DepthwiseSum& args) {
  int64_t channel = 0;
  for (; channel + kVectorsAtOnce * kLanes <= args.channels; channel += kVectorsAtOnce * kLanes) sum_channels<Vector, kVectorsAtOnce>(args, channel);
  for (; channel + kLanes <= args.channels; channel += kLanes) sum_channels<Vector, 1>(args, channel);
  for (; channel < args.channels; ++channel) sum_channels<float, 1>(args, channel);
}

/// Sums of a vector of channels: of each place, and of the gradient alone.
template <typename Value>
struct WeightSums {
  static constexpr int kLength = static_cast<int>(sizeof(Value) / sizeof(float));
  static constexpr int64_t kPixels = 64;  // of an f32 sum, about

  const DepthwiseWeight& args;
  const ConvolutionGeometry& g = args.geometry;
  int64_t channel;
  double totals[kDepthwisePlaces + 1][kLength] = {};

  void add(const Value (&sums)[kDepthwisePlaces + 1]) {
    for (int i = 0; i <= kDepthwisePlaces; ++i) {
      float lanes[kLength];
      store(lanes, sums[i]);
      for (int c = 0; c < kLength; ++c) totals[i][c] += static_cast<double>(lanes[c]);
    }
  }

  /// Pixels of a row whose windows lie inside of the image from left to right; `rows` of the input, nullptr: outside.
  void inside(const float* const (&rows)[3], const float* dy, int64_t begin, int64_t end, Value (&sums)[kDepthwisePlaces + 1]) const {
    const int64_t step = g.groups;
#pragma GCC unroll 3
    for (int ky = 0; ky < 3; ++ky) {
      if (!rows[ky]) continue;
      const float *x = rows[ky] + (begin * g.stride_width - g.padding_width) * step, *gradient = dy + begin * step;
      Value left = sums[3 * ky], middle = sums[3 * ky + 1], right = sums[3 * ky + 2], left2{}, middle2{}, right2{};
      const auto pixel = [&](Value& a, Value& b, Value& c) __attribute__((always_inline)) {
        const Value d = load<Value>(gradient);
        a += d * load<Value>(x), b += d * load<Value>(x + step), c += d * load<Value>(x + 2 * step);
        x += g.stride_width * step, gradient += step;
      };
      int64_t i = begin;
      for (; i + 2 <= end; i += 2) pixel(left, middle, right), pixel(left2, middle2, right2);
      if (i < end) pixel(left, middle, right);
      sums[3 * ky] = left + left2, sums[3 * ky + 1] = middle + middle2, sums[3 * ky + 2] = right + right2;
    }
  }

  void at_edge(const float* const (&rows)[3], const float* dy, int64_t ow, Value (&sums)[kDepthwisePlaces + 1]) const {
    const Value d = load<Value>(dy + ow * g.groups);
    for (int place = 0; place < kDepthwisePlaces; ++place) {
      const int64_t w = ow * g.stride_width - g.padding_width + place % 3;
      if (rows[place / 3] && w >= 0 && w < g.in_width) sums[place] += d * load<Value>(rows[place / 3] + w * g.groups);
    }
  }

  void row(int64_t image, int64_t oh, Value (&sums)[kDepthwisePlaces + 1]) const {
    const float* dy = args.dy + ((image * g.out_height + oh) * g.out_width) * g.groups + channel;
    const float* rows[3];
    for (int64_t ky = 0; ky < 3; ++ky) {
      const int64_t h = oh * g.stride_height - g.padding_height + ky;
      rows[ky] = h >= 0 && h < g.in_height ? args.x + ((image * g.in_height + h) * g.in_width) * g.groups + channel : nullptr;
    }
    const auto whole = [&](int64_t ow) {
      const int64_t w = ow * g.stride_width - g.padding_width;
      return w >= 0 && w + 3 <= g.in_width;
    };
    int64_t begin = 0, end = g.out_width;
    for (; begin < g.out_width && !whole(begin); ++begin) at_edge(rows, dy, begin, sums);
    for (; end > begin && !whole(end - 1); --end) at_edge(rows, dy, end - 1, sums);
    inside(rows, dy, begin, end, sums);
    if (args.dbias) {
      for (int64_t ow = 0; ow < g.out_width; ++ow) sums[kDepthwisePlaces] += load<Value>(dy + ow * g.groups);
    }
  }

  void run() {
    const int64_t rows_at_once = g.out_width < kPixels ? kPixels / (g.out_width > 0 ? g.out_width : 1) : 1;
    for (int64_t image = 0; image < g.batch; ++image) {
      for (int64_t first = 0; first < g.out_height; first += rows_at_once) {
        Value sums[kDepthwisePlaces + 1] = {};
        for (int64_t oh = first; oh < first + rows_at_once && oh < g.out_height; ++oh) row(image, oh, sums);
        add(sums);
      }
    }
    for (int c = 0; c < kLength; ++c) {
      for (int place = 0; place < kDepthwisePlaces; ++place) args.dweight[(channel + c) * kDepthwisePlaces + place] = static_cast<float>(totals[place][c]);
      if (args.dbias) args.dbias[channel + c] = static_cast<float>(totals[kDepthwisePlaces][c]);
    }
  }
};

void weight(const DepthwiseWeight& args) {
  if (args.count == kLanes) {
    WeightSums<Vector>{.args = args, .channel = args.first}.run();
    return;
  }
  for (int64_t channel = args.first; channel < args.first + args.count; ++channel) WeightSums<float>{.args = args, .channel = channel}.run();
}

}  // namespace

DepthwiseKernels depthwise_kernels() { return {kLanes, sum, weight}; }

TESSERA_ISA_END
