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
    for (int v = 0; v < kCount; ++v) sums[v] = multiply_add(load<Value>(x + v * kStep), load<Value>(weight + v * kStep), sums[v]);
  }
  for (int v = 0; v < kCount; ++v) store(args.out + channel + v * kStep, sums[v]);
}

void sum(const DepthwiseSum& args) {
  int64_t channel = 0;
  for (; channel + kVectorsAtOnce * kLanes <= args.channels; channel += kVectorsAtOnce * kLanes) sum_channels<Vector, kVectorsAtOnce>(args, channel);
  for (; channel + kLanes <= args.channels; channel += kLanes) sum_channels<Vector, 1>(args, channel);
  for (; channel < args.channels; ++channel) sum_channels<float, 1>(args, channel);
}

/// The weights stay in registers, every pixel is read once, and the three results that it belongs to grow side by side.
template <typename Value>
inline void slide(const DepthwiseRow& args, int64_t channel) {
  Value weight[kDepthwisePlaces];
#pragma GCC unroll 9
  for (int place = 0; place < kDepthwisePlaces; ++place) weight[place] = load<Value>(args.weight + place * args.channels + channel);
  const float *upper = args.rows[0] + channel, *middle = args.rows[1] + channel, *lower = args.rows[2] + channel;
  float* out = args.out + channel;
  const Value start = args.start ? load<Value>(args.start + channel) : Value{};
  Value last = start, next = start;
  for (int64_t column = 0; column < args.results + 2 - args.padding; ++column) {
    Value newest = start;
    if (column < args.width) {
      const Value a = load<Value>(upper), b = load<Value>(middle), c = load<Value>(lower);
      upper += args.channels, middle += args.channels, lower += args.channels;
      last += multiply_add(c, weight[8], multiply_add(b, weight[5], a * weight[2]));
      next += multiply_add(c, weight[7], multiply_add(b, weight[4], a * weight[1]));
      newest += multiply_add(c, weight[6], multiply_add(b, weight[3], a * weight[0]));
    }
    if (column + args.padding >= 2) {
      store(out, last);
      out += args.channels;
    }
    last = next, next = newest;
  }
}

void row(const DepthwiseRow& args) {
  int64_t channel = 0;
  for (; channel + kLanes <= args.channels; channel += kLanes) slide<Vector>(args, channel);
  for (; channel < args.channels; ++channel) slide<float>(args, channel);
}

}  // namespace

DepthwiseKernels depthwise_kernels() { return {sum, row}; }

TESSERA_ISA_END
