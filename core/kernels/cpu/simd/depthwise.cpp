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

}  // namespace

DepthwiseKernels depthwise_kernels() { return {sum}; }

TESSERA_ISA_END
